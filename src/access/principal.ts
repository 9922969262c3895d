/** Who is asking, as the way in found it out. What that means for rights is authorize.ts's. */

export type Principal =
  /** The registry is open: nobody is asked who they are, and everybody may do everything. */
  | { readonly kind: 'everybody'; readonly name: string }
  /** Nobody has said who they are where one must. */
  | { readonly kind: 'anonymous'; readonly name: string }
  /** Somebody whom this registry lists. The name stands in histories, upload sessions and the log. */
  | { readonly kind: 'user'; readonly name: string }
  /** The bearer of a token: what it may do stands in the token, and nowhere else. */
  | { readonly kind: 'token'; readonly name: string; readonly grants: Grants }

/** Actions (`pull`, `*`) by resource (`repository:team/app`). */
export type Grants = ReadonlyMap<string, ReadonlySet<string>>

export const EVERYBODY: Principal = { kind: 'everybody', name: 'anonymous' }
export const ANONYMOUS: Principal = { kind: 'anonymous', name: 'anonymous' }
