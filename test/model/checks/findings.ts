/** Verification finds nothing but what was broken on purpose: images of which somebody has unlinked a blob. */
import type { VerifyFinding } from '../../../src/registry/verify/finding.ts'
import type { Model } from '../model.ts'

export function requireNoDamage(findings: readonly VerifyFinding[], model: Model): void {
  const damage = findings.filter((each) => each.severity !== 'note' && !isOnPurpose(each, model))
  if (damage.length > 0) throw new Error(damage.map(({ kind, message }) => `${kind}: ${message}`).join('\n'))
}

function isOnPurpose({ kind, repository, digest }: VerifyFinding, model: Model): boolean {
  if (kind !== 'image incomplete' || repository === null || digest === null) return false
  return !model.mayShow(repository, digest)
}
