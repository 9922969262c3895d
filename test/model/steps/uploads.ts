/** Uploads in parts: begun, gone on with, asked after, finished, cancelled, and left to expire. */
import fc from 'fast-check'
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { Model, Unfinished } from '../model.ts'
import type { Run } from '../run.ts'
import { BLOBS, nameOf } from '../stock.ts'
import { anyRepository } from './choices.ts'
import { anyPlace, at, NOTHING_TO_DO, steps, type WeightedSteps } from './step.ts'

export const uploadSteps: readonly WeightedSteps[] = [
  steps(2, { repository: anyRepository, blob: fc.nat(BLOBS.length - 1) }, ({ repository, blob }) => ({
    says: `begin an upload of ${nameOf(BLOBS[blob]?.digest ?? '')} to ${repository}`,
    perform: (run) => begin(run, repository, blob),
  })),
  steps(2, { place: anyPlace, part: fc.integer({ min: 2, max: 8 }) }, ({ place, part }) => ({
    says: `send ${part} bytes more of an upload`,
    perform: (run) => withUpload(run, place, (upload) => append(run, upload, part)),
  })),
  steps(2, { place: anyPlace }, ({ place }) => ({
    says: 'finish an upload',
    perform: (run) => withUpload(run, place, (upload) => finish(run, upload)),
  })),
  steps(1, { place: anyPlace }, ({ place }) => ({
    says: 'cancel an upload',
    perform: (run) => withUpload(run, place, (upload) => cancel(run, upload)),
  })),
  steps(1, {}, () => ({
    says: 'forget idle uploads',
    perform: (run) => run.world.expireUploads(),
  })),
]

async function withUpload(
  run: Run,
  place: number,
  work: (upload: Unfinished) => Promise<void>,
): Promise<unknown> {
  const upload = at(run.model.uploads, place)
  if (upload === null) return NOTHING_TO_DO
  await requireProgress(run, upload)
  // It may have expired, or the process may have died after it ended.
  const stillThere = run.model.uploads.find(({ id }) => id === upload.id)
  return stillThere === undefined ? NOTHING_TO_DO : await work(stillThere)
}

async function begin(run: Run, repository: RepositoryName, blob: number): Promise<void> {
  const { digest } = blobAt(blob)
  await run.act({
    says: `began an upload of ${nameOf(digest)} to ${repository}`,
    call: (client) => client.beginUpload(repository, digest),
    effect: (model, begun) => {
      if (begun === undefined) return
      model.uploads = [
        ...model.uploads,
        { id: begun.id, repository, blob, received: 0, touchedAt: model.now, isDoubtful: false },
      ]
    },
  })
}

/** What was acknowledged is there; what was on its way when the process died may be. */
async function requireProgress(run: Run, upload: Unfinished): Promise<void> {
  const mayBeGone = upload.isDoubtful || upload.touchedAt + run.world.times.uploads < run.model.now
  const asked = await run.act({
    says: `asked how far the upload of ${nameOf(blobAt(upload.blob).digest)} is`,
    call: (client) => client.askForUpload(upload),
    effect: () => {},
    ...(mayBeGone ? { mayFail: ['BLOB_UPLOAD_UNKNOWN'] } : {}),
  })
  if (asked.kind === 'refused') return forget(run.model, upload)
  const isWrong = upload.isDoubtful ? asked.result < upload.received : asked.result !== upload.received
  if (isWrong)
    throw new Error(`an upload has ${asked.result} bytes, of ${upload.received} that were acknowledged`)
  change(run.model, { ...upload, received: asked.result, isDoubtful: false })
}

async function append(run: Run, upload: Unfinished, part: number): Promise<void> {
  const { bytes } = blobAt(upload.blob)
  const chunk = bytes.slice(upload.received, upload.received + part)
  await run.act({
    says: `sent ${chunk.length} bytes more`,
    call: (client) => client.appendToUpload(upload, chunk),
    effect: (model, received) =>
      change(model, {
        ...upload,
        received: received ?? upload.received,
        isDoubtful: received === undefined,
        touchedAt: model.now,
      }),
  })
}

async function finish(run: Run, upload: Unfinished): Promise<void> {
  const { digest, bytes } = blobAt(upload.blob)
  const rest = bytes.slice(upload.received)
  await run.act({
    says: `finished the upload of ${nameOf(digest)} to ${upload.repository}`,
    call: (client) => client.finishUpload(upload, digest, rest),
    effect: (model) => {
      forget(model, upload)
      model.promise(upload.repository, digest, run.world.times.lease)
    },
  })
}

async function cancel(run: Run, upload: Unfinished): Promise<void> {
  await run.act({
    says: 'cancelled the upload',
    call: (client) => client.cancelUpload(upload),
    effect: (model) => forget(model, upload),
  })
}

function change(model: Model, upload: Unfinished): void {
  model.uploads = model.uploads.map((each) => (each.id === upload.id ? upload : each))
}

function forget(model: Model, { id }: Unfinished): void {
  model.uploads = model.uploads.filter((each) => each.id !== id)
}

function blobAt(place: number) {
  const found = BLOBS[place]
  if (found === undefined) throw new Error('no such blob in the stock')
  return found
}
