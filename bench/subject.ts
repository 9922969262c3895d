/**
 * One contestant in the measurement of one metric: a fresh folder, the server that runs on it, and content put
 * there. Closing it ends what runs and removes what is large. Small files stay until the whole run is over: ext4
 * makes a new file three to four times as dear for minutes after many others were deleted.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Image } from '../test/clients/images.ts'
import { findTool } from '../test/tools/find-tool.ts'
import type { BlobFile } from './blob-file.ts'
import { Connection } from './connection.ts'
import type { ServerContestant } from './contestant.ts'
import { LONGEST_MILLISECONDS } from './metric.ts'
import { removeLargeFiles } from './page-cache.ts'
import { beginUpload, blobPath, finishUpload, manifestPath, pushImage, toPath } from './registry-client.ts'
import { type Server, startServer } from './server.ts'

const LARGE_BYTES = 8 * 1024 * 1024

export interface StartOptions {
  /** For one that does not answer at its usual path. */
  readonly ready?: string
  /** Paths of PEM files, for one that speaks TLS. */
  readonly tls?: { readonly certificate: string; readonly key: string }
}

export class Subject implements AsyncDisposable {
  readonly contestant: ServerContestant
  readonly #folder: string
  readonly #closing = new AsyncDisposableStack()

  constructor(contestant: ServerContestant, folder: string) {
    this.contestant = contestant
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
    this.#closing.defer(() => removeLargeFiles(folder, LARGE_BYTES))
  }

  /** For files that are none of the server's. */
  get folder(): string {
    return this.#folder
  }

  get data(): string {
    return join(this.#folder, 'data')
  }

  /** Starts the server for as long as the measurement lasts. */
  async serve(options: StartOptions = {}): Promise<Server> {
    return this.#closing.use(await this.start({}, options))
  }

  /** Starts the server on the same data; the caller ends it. */
  async start(
    environment: Readonly<Record<string, string>> = {},
    options: StartOptions = {},
  ): Promise<Server> {
    return await startServer(this.contestant, {
      folder: this.#folder,
      data: this.data,
      environment,
      ...options,
    })
  }

  /** Puts an image there, by a push, or as files for those who take no pushes. */
  async publishImage(server: Server, repository: string, tag: string, image: Image): Promise<void> {
    if (this.contestant.content === 'files') {
      this.#writeFile(manifestPath(repository, tag), image.root.bytes)
      for (const { digest, bytes } of image.blobs) this.#writeFile(blobPath(repository, digest), bytes)
      return
    }
    using connection = await Connection.open(server.port)
    await pushImage(connection, repository, tag, image)
  }

  async publishBlob(server: Server, repository: string, blob: BlobFile): Promise<void> {
    if (this.contestant.content === 'pushed') return pushFile(server, repository, blob)
    copyFileSync(blob.path, this.#writeFile(blobPath(repository, blob.digest), new Uint8Array()))
  }

  #writeFile(path: string, bytes: Uint8Array): string {
    const file = join(this.data, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
    return file
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync()
  }
}

/** Pushes a large blob as docker does: POST, PATCH in chunks, PUT. curl sends the bytes. */
export async function pushFile(server: Server, repository: string, blob: BlobFile): Promise<void> {
  using connection = await Connection.open(server.port)
  const upload = await beginUpload(connection, repository)
  const location = await patchWithCurl(`http://127.0.0.1:${server.port}${upload}`, blob.path)
  await finishUpload(connection, toPath(location), blob.digest)
}

async function patchWithCurl(url: string, file: string): Promise<string> {
  const chunked = ['-X', 'PATCH', '-H', 'Transfer-Encoding: chunked', '-H', 'Expect:', '-T', file]
  const output = await runCurl(['-o', '/dev/null', '-w', '%{http_code} %header{location}', ...chunked, url])
  const [status, location = ''] = output.split(' ')
  if (status !== '202') throw new Error(`PATCH ${url} answered ${status} instead of 202.`)
  return location
}

/** Gives what it printed; `before` stands before the command. Throws when it fails. */
export async function runCurl(args: readonly string[], before: readonly string[] = []): Promise<string> {
  const curl = findTool('curl')
  if (curl === null) throw new Error('There is no curl here.')
  const child = Bun.spawn([...before, curl, '-sS', ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: LONGEST_MILLISECONDS,
  })
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  if ((await child.exited) !== 0) throw new Error(`curl failed: ${errors}`)
  return output
}
