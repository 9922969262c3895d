/** Asks a registry over HTTP, the way docker does. */
import { type Digest, isDigest } from '../../../src/oci/digest.ts'
import { ERROR_CODES, type ErrorCode, RegistryError } from '../../../src/oci/errors.ts'
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { Tag } from '../../../src/oci/tag.ts'
import type { Sample } from '../../sample-content.ts'
import type { Client, FoundManifest, MountedBlob, UploadPlace } from '../client.ts'

interface Sent {
  readonly body?: Uint8Array<ArrayBuffer>
  readonly type?: string
}

export class HttpClient implements Client {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async pushBlob(repository: RepositoryName, { digest, bytes }: Sample): Promise<void> {
    const upload = await this.beginUpload(repository)
    await this.#ask('PATCH', upload.id, 202, { body: bytes })
    await this.finishUpload(upload, digest, new Uint8Array())
  }

  async askForBlob(repository: RepositoryName, digest: Digest): Promise<void> {
    await this.#ask('HEAD', `/v2/${repository}/blobs/${digest}`, 200)
  }

  async readBlob(repository: RepositoryName, digest: Digest): Promise<Uint8Array> {
    return (await this.#ask('GET', `/v2/${repository}/blobs/${digest}`, 200)).bytes
  }

  async mountBlob({ from, to, digest }: MountedBlob): Promise<boolean> {
    const query = new URLSearchParams({ mount: digest, from })
    return (await this.#ask('POST', `/v2/${to}/blobs/uploads/?${query}`, 201, {}, 202)).status === 201
  }

  async unlinkBlob(repository: RepositoryName, digest: Digest): Promise<void> {
    await this.#ask('DELETE', `/v2/${repository}/blobs/${digest}`, 202)
  }

  async beginUpload(repository: RepositoryName): Promise<UploadPlace> {
    const { headers } = await this.#ask('POST', `/v2/${repository}/blobs/uploads/`, 202)
    return { id: headers.get('location') ?? '', repository }
  }

  async askForUpload({ id }: UploadPlace): Promise<number> {
    return receivedBy((await this.#ask('GET', id, 204)).headers)
  }

  async appendToUpload({ id }: UploadPlace, body: Uint8Array<ArrayBuffer>): Promise<number> {
    return receivedBy((await this.#ask('PATCH', id, 202, { body })).headers)
  }

  async finishUpload({ id }: UploadPlace, digest: Digest, body: Uint8Array<ArrayBuffer>): Promise<void> {
    const place = new URL(id, this.#url)
    place.searchParams.set('digest', digest)
    await this.#ask('PUT', `${place.pathname}${place.search}`, 201, { body })
  }

  async cancelUpload({ id }: UploadPlace): Promise<void> {
    await this.#ask('DELETE', id, 204)
  }

  async pushManifest(repository: RepositoryName, manifest: Sample, tag: Tag | null): Promise<void> {
    const { bytes: body, mediaType: type, digest } = manifest
    await this.#ask('PUT', `/v2/${repository}/manifests/${tag ?? digest}`, 201, { body, type })
  }

  async readManifest(repository: RepositoryName, reference: Tag | Digest): Promise<FoundManifest> {
    const { bytes, headers } = await this.#ask('GET', `/v2/${repository}/manifests/${reference}`, 200)
    const digest = headers.get('docker-content-digest') ?? ''
    if (!isDigest(digest)) throw new Error(`a manifest of ${repository} was given without its digest`)
    return { digest, bytes }
  }

  async deleteManifest(repository: RepositoryName, digest: Digest): Promise<void> {
    await this.#ask('DELETE', `/v2/${repository}/manifests/${digest}`, 202)
  }

  async deleteTag(repository: RepositoryName, tag: Tag): Promise<void> {
    await this.#ask('DELETE', `/v2/${repository}/manifests/${tag}`, 202)
  }

  async listTags(repository: RepositoryName): Promise<readonly string[]> {
    const { bytes } = await this.#ask('GET', `/v2/${repository}/tags/list`, 200)
    const { tags } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly tags: readonly string[] | null
    }
    return tags ?? []
  }

  async listReferrers(repository: RepositoryName, subject: Digest): Promise<readonly Digest[]> {
    const { bytes } = await this.#ask('GET', `/v2/${repository}/referrers/${subject}`, 200)
    const { manifests } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly manifests: readonly { readonly digest: Digest }[]
    }
    return manifests.map(({ digest }) => digest)
  }

  /** Throws RegistryError with the code of a refusal. */
  async #ask(method: string, path: string, status: number, { body, type }: Sent = {}, otherStatus = status) {
    const headers = type === undefined ? {} : { 'content-type': type }
    const sent = { method, headers, ...(body === undefined ? {} : { body }) }
    const answer = await fetch(new URL(path, this.#url), sent)
    const bytes = await answer.bytes()
    if (answer.status === status || answer.status === otherStatus)
      return { status: answer.status, headers: answer.headers, bytes }
    throw refusal(`${method} ${path}`, answer.status, new TextDecoder().decode(bytes))
  }
}

/** A HEAD is refused without a word. */
function refusal(request: string, status: number, text: string): Error {
  const code = text === '' && status === 404 ? 'BLOB_UNKNOWN' : codeIn(text)
  const sentence = `${request} was answered ${status}: ${text}`
  return code === null ? new Error(sentence) : new RegistryError(code, sentence)
}

function codeIn(text: string): ErrorCode | null {
  try {
    const { errors } = JSON.parse(text) as { readonly errors: readonly { readonly code: string }[] }
    const code = errors[0]?.code ?? ''
    return code in ERROR_CODES ? (code as ErrorCode) : null
  } catch {
    return null
  }
}

/** Nothing and one byte look alike, so nobody here sends one byte alone. */
function receivedBy(headers: Headers): number {
  const last = Number(/^0-(\d+)$/.exec(headers.get('range') ?? '')?.[1])
  return last === 0 ? 0 : last + 1
}
