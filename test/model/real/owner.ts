/** Asks a server as its owner does, by the socket in its data folder. */
import type { Digest } from '../../../src/oci/digest.ts'
import { type ErrorCode, RegistryError } from '../../../src/oci/errors.ts'
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { Tag } from '../../../src/oci/tag.ts'
import type { VerifyFinding } from '../../../src/registry/verify/finding.ts'
import type { EmptiedTrash, Owner, TagPosition } from '../client.ts'

export class SocketOwner implements Owner {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  async deleteRepository(repository: RepositoryName): Promise<void> {
    await this.#ask('NAME_UNKNOWN', '/api/v1/repositories/delete', { repository })
  }

  async restoreTrash(id: number): Promise<void> {
    await this.#ask('NOT_FOUND', `/api/v1/trash/${id}/restore`, {})
  }

  async emptyTrash(which: EmptiedTrash): Promise<void> {
    await this.#ask('NOT_FOUND', '/api/v1/trash/empty', which)
  }

  async listTagHistory(repository: RepositoryName, tag: Tag): Promise<readonly TagPosition[]> {
    const query = new URLSearchParams({ repository, tag })
    const page = await this.#ask('MANIFEST_UNKNOWN', `/api/v1/tags/history?${query}`)
    return (page as { readonly positions: readonly TagPosition[] }).positions
  }

  async restoreTag(repository: RepositoryName, tag: Tag, to: Digest): Promise<void> {
    await this.#ask('MANIFEST_UNKNOWN', '/api/v1/tags/restore', { repository, tag, to })
  }

  async verify(): Promise<readonly VerifyFinding[]> {
    const findings: VerifyFinding[] = []
    for (let cursor: unknown = null; ; ) {
      const asked = { deep: true, bytesPerSecond: 1_000_000_000, cursor }
      const page = (await this.#ask('NOT_FOUND', '/api/v1/verify', asked)) as {
        readonly findings: readonly VerifyFinding[]
        readonly next: unknown
      }
      findings.push(...page.findings)
      cursor = page.next
      if (cursor === null) return findings
    }
  }

  /** What is not there is told by a status alone: `unknown` is what it means here. Without a body it is a GET. */
  async #ask(unknown: ErrorCode, path: string, body?: unknown): Promise<unknown> {
    const sent = body === undefined ? { method: 'GET' } : { method: 'POST', body: JSON.stringify(body) }
    const answer = await fetch(`http://localhost${path}`, { unix: this.#socket, ...sent })
    const text = await answer.text()
    if (answer.status === 200) return JSON.parse(text)
    const sentence = `${path} was answered ${answer.status}: ${text}`
    throw answer.status === 404 ? new RegistryError(unknown, sentence) : new Error(sentence)
  }
}
