/** What a token says about its bearer: the name, and the `access` that it grants (distribution's token specification, "Token Claims"). */
import { z } from 'zod'
import { resourceOf } from '../needed-access.ts'
import type { Grants, Principal } from '../principal.ts'

/** Names stand in rows and in the log: nobody's has controls. */
const claimsSchema = z.object({
  sub: z
    .string()
    .max(255)
    .regex(/^\P{Cc}*$/u)
    .default(''),
  access: z
    .array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) }))
    .nullish()
    .transform((access) => access ?? []),
})

/** The bearer of a token with these claims; null where they are none that the specification knows. */
export function bearerOf(claims: unknown): Principal | null {
  const parsed = claimsSchema.safeParse(claims)
  if (!parsed.success) return null
  const { sub, access } = parsed.data
  return { kind: 'token', name: sub === '' ? 'anonymous' : sub, grants: grantsOf(access) }
}

/** A resource that stands there twice has what both grant. */
function grantsOf(access: z.output<typeof claimsSchema>['access']): Grants {
  const grants = new Map<string, Set<string>>()
  for (const { type, name, actions } of access) {
    const resource = resourceOf(type, name)
    grants.set(resource, (grants.get(resource) ?? new Set()).union(new Set(actions)))
  }
  return grants
}
