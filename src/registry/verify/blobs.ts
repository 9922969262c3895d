/** Every blob of the database against its bytes: they are there, are as many as they should be and, where asked for, are hashed. */
import { messageOf } from '../../lib/thrown.ts'
import { findDamage } from '../../metadata/damage.ts'
import { listStoredBlobs, type StoredBlob } from '../../metadata/verification.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import { blobDataPath, quarantinePath } from '../../storage/layout.ts'
import { type FindingKind, finding, mended, type VerifyFinding } from './finding.ts'
import { imagesWith } from './images.ts'
import { type BlobDamage, type Judgement, judgeBlob } from './judge.ts'
import { type Look, type Position, unreadable } from './look.ts'
import { forgetHealed, type Repair, repairBlob } from './repair.ts'

const ROWS_AT_ONCE = 200

export async function lookAtBlobs(look: Look, from: Position): Promise<Position | null> {
  const rows = await listStoredBlobs(look.read, { after: from.after, limit: ROWS_AT_ONCE })
  let after = from.after
  for (const row of rows) {
    if (look.isOver) return { ...from, after }
    const isDone = await look.at(blobDataPath(row.digest), () => lookAtBlob(look, row), true)
    if (!isDone) return { ...from, after }
    look.count('blobs')
    after = row.digest
  }
  return rows.length < ROWS_AT_ONCE ? null : { ...from, after }
}

/** False where there is more to hash. */
async function lookAtBlob(look: Look, row: StoredBlob): Promise<boolean> {
  if (row.state === 'deleting') return true
  const { deep, repair } = look.options
  const judgement = await judgeBlob(look.place, row, { run: look.run, deep, limits: look.limits })
  if (judgement === null) return false
  if (judgement.kind === 'whole') {
    if (repair && judgement.isHashed) await forgetHealed(look.registry, row.digest)
  } else if (judgement.kind !== 'changed') await tell(look, row, judgement)
  return true
}

type Wrong = Exclude<Judgement, { readonly kind: 'whole' | 'changed' }>

async function tell(look: Look, row: StoredBlob, wrong: Wrong): Promise<void> {
  const images = await imagesWith(look.read, row.digest)
  const message = await sentence(look, row, wrong)
  const done = look.options.repair && wrong.kind !== 'row' ? await tryRepair(look, row, wrong) : null
  if (done === 'healthy') return
  const parts = { digest: row.digest, path: blobDataPath(row.digest), ...images }
  const found = finding(KINDS[wrong.kind], message, parts)
  look.tell(done === null ? found : repaired(found, done))
}

/** What cannot be repaired is told beside what is wrong. */
async function tryRepair(look: Look, row: StoredBlob, damage: BlobDamage): Promise<Repair | null> {
  try {
    return await repairBlob(look.registry, row, damage)
  } catch (error) {
    if (!(error instanceof StorageUnavailable)) throw error
    const message = `The blob ${row.digest} could not be repaired: ${messageOf(error)}`
    look.tell({ ...unreadable(blobDataPath(row.digest), error), message })
    return null
  }
}

const KINDS: Readonly<Record<Wrong['kind'], FindingKind>> = {
  missing: 'blob missing',
  size: 'blob has wrong size',
  hash: 'blob has wrong bytes',
  row: 'blob has another size than recorded',
}

async function sentence(look: Look, { digest, size }: StoredBlob, wrong: Wrong): Promise<string> {
  switch (wrong.kind) {
    case 'missing': {
      const known = await findDamage(look.read, digest)
      const since = known === null ? '' : `: it was found damaged at ${new Date(known.foundAt).toISOString()}`
      return `The bytes of the blob ${digest} are not there${since}. Push it again to repair it.`
    }
    case 'size':
      return `The blob ${digest} has ${wrong.bytes.size} bytes instead of ${size}. Push it again to repair it.`
    case 'hash':
      return `The bytes of the blob ${digest} are damaged: they have the digest ${wrong.digest}. Push it again to repair it.`
    case 'row':
      return `The blob ${digest} is whole and has ${wrong.size} bytes, but the database says ${size}, so it cannot be pulled. Push it again to repair it.`
  }
}

/** Damage that is mended is told, and no damage any more. */
function repaired(found: VerifyFinding, done: Exclude<Repair, 'healthy'>): VerifyFinding {
  const { digest } = found
  switch (done) {
    case 'written again':
      return mended(found, 'Its bytes were written again from the database.')
    case 'put back':
      return mended(found, 'Its bytes, which had been set aside, were whole and were put back.')
    case 'set aside':
      return {
        ...found,
        repair: `The damaged bytes were moved to ${digest === null ? 'the quarantine' : quarantinePath(digest)}.`,
      }
    case 'noted':
      return found
  }
}
