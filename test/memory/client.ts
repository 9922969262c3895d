/**
 * The clients of the heavy tests, in a process of their own, so that they cost the test none of its time.
 * Takes one Job as JSON on the command line, and prints its Outcome as JSON.
 */
import { BLOCK_BYTES, digestOfBlob, type GeneratedBlob } from './blob.ts'
import { type Answer, Connection } from './connection.ts'

export type Job =
  /** Pushes all of them at once, each over a connection of its own, the way docker does. */
  | {
      readonly kind: 'push'
      readonly port: number
      readonly repository: string
      readonly blobs: readonly BlobToPush[]
    }
  /** Pulls one, and keeps nothing of it. */
  | {
      readonly kind: 'pull'
      readonly port: number
      readonly repository: string
      readonly digest: string
      readonly isHashed: boolean
    }

export interface BlobToPush extends GeneratedBlob {
  /** Found out by hashing where it is not said. */
  readonly digest?: string
}

export interface Outcome {
  /** The bytes of one blob. */
  readonly length: number
  /** In the order of the job; of what came where a pull was to be hashed. */
  readonly digests: readonly string[]
}

/** Runs a job in a process of its own. Throws with what that printed when it fails. */
export async function runClient(job: Job): Promise<Outcome> {
  const client = Bun.spawn([process.execPath, import.meta.path, JSON.stringify(job)], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [output, errors] = await Promise.all([client.stdout.text(), client.stderr.text()])
  if ((await client.exited) !== 0) throw new Error(`The client failed: ${errors}`)
  return JSON.parse(output)
}

async function push(job: Job & { kind: 'push' }): Promise<Outcome> {
  const blobs = job.blobs.map((blob) => ({ ...blob, digest: blob.digest ?? digestOfBlob(blob) }))
  await Promise.all(blobs.map((blob) => pushOne(job.port, job.repository, blob)))
  return { length: (blobs[0]?.blocks ?? 0) * BLOCK_BYTES, digests: blobs.map(({ digest }) => digest) }
}

async function pushOne(
  port: number,
  repository: string,
  blob: GeneratedBlob & { readonly digest: string },
): Promise<void> {
  const connection = await Connection.open(port)
  const begun = await connection.ask('POST', `/v2/${repository}/blobs/uploads/`)
  const sent = await connection.ask('PATCH', locationOf(begun, 202), { body: blob })
  const location = locationOf(sent, 202)
  const query = `${location.includes('?') ? '&' : '?'}digest=${blob.digest}`
  requireStatus(await connection.ask('PUT', `${location}${query}`), 201)
  connection.close()
}

async function pull(job: Job & { kind: 'pull' }): Promise<Outcome> {
  const connection = await Connection.open(job.port)
  const hash = new Bun.CryptoHasher('sha256')
  const onBody = job.isHashed ? (bytes: Uint8Array) => void hash.update(bytes) : () => {}
  const answer = await connection.ask('GET', `/v2/${job.repository}/blobs/${job.digest}`, { onBody })
  requireStatus(answer, 200)
  connection.close()
  return { length: answer.length, digests: job.isHashed ? [`sha256:${hash.digest('hex')}`] : [] }
}

function locationOf(answer: Answer, status: number): string {
  requireStatus(answer, status)
  return answer.headers.get('location') ?? ''
}

function requireStatus(answer: Answer, status: number): void {
  if (answer.status !== status) throw new Error(`The server answered ${answer.status} instead of ${status}.`)
}

if (import.meta.main) {
  const job: Job = JSON.parse(process.argv[2] ?? '')
  console.log(JSON.stringify(job.kind === 'push' ? await push(job) : await pull(job)))
}
