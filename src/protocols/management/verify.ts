/** Storage compared with metadata, one page for each question. */
import { BadRequest } from '../../http/request.ts'
import { route } from '../../http/router.ts'
import { VERIFY_STEPS, type VerifyCursor, verifyPage } from '../../registry/verify/verify.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import { checked, type ManagementContext, type ManagementRoute, requireWritable } from './route.ts'

export const verifyRoutes: readonly ManagementRoute[] = [
  route('POST', '/api/v1/verify', { needs: 'owner', handle: postVerify }),
]

async function postVerify(context: ManagementContext): Promise<OwnerAnswer> {
  const { verifyRequest } = await import('../../contract/verify.ts')
  const { cursor, ...options } = checked(verifyRequest, context.body)
  if (options.repair) requireWritable(context)
  const { registry, hashing, signal } = context
  const page = await verifyPage({ registry, hashing }, { ...options, signal }, placeOf(cursor))
  return ownerAnswer(200, page)
}

/** Throws BadRequest: another Berth may have other steps. */
function placeOf(
  cursor: (Omit<VerifyCursor, 'step'> & { readonly step: string }) | null,
): VerifyCursor | null {
  if (cursor === null) return null
  const step = VERIFY_STEPS.find((each) => each === cursor.step)
  if (step === undefined) throw new BadRequest(`Verification has no step ${JSON.stringify(cursor.step)}.`)
  return { ...cursor, step }
}
