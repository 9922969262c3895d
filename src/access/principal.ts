/** Who is asking. Without an `auth` section everybody is anonymous, and may do everything. */
export interface Principal {
  readonly kind: 'anonymous'
  /** What stands in histories and upload sessions. */
  readonly name: string
}

export const ANONYMOUS: Principal = { kind: 'anonymous', name: 'anonymous' }
