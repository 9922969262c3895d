/** What a soak asks as the owner of the server. */
import type { ControlClient } from '../../src/cli/control-client.ts'

/** As the server tells of a deletion. */
interface Deletion {
  readonly id: number
  readonly someManifests: readonly string[]
  readonly someTags: readonly { readonly name: string }[]
}

export class Owner {
  readonly #server: ControlClient

  constructor(server: ControlClient) {
    this.#server = server
  }

  /** Takes back the newest deletion of the manifest; gives the tags that came with it. Throws where it lies in none. */
  async restore(repository: string, digest: string): Promise<readonly string[]> {
    const deletion = await this.#findDeletion(repository, digest)
    if (deletion === null) throw new Error(`${digest} is not in the trash of ${repository}`)
    const restored = (await this.#server.ask('POST', `/api/v1/trash/${deletion.id}/restore`)) as {
      isWhole: boolean
    }
    if (!restored.isWhole) throw new Error(`${digest} came back with ${JSON.stringify(restored)}`)
    return deletion.someTags.map(({ name }) => name)
  }

  async emptyTrash(): Promise<void> {
    await this.#server.ask('POST', '/api/v1/trash/empty', { all: true })
  }

  /** Bytes of all content that is stored, as the registry counts them. */
  async accountedBytes(): Promise<number> {
    const usage = (await this.#server.ask('GET', '/api/v1/usage')) as { stored: { bytes: number } }
    return usage.stored.bytes
  }

  async #findDeletion(repository: string, digest: string): Promise<Deletion | null> {
    for (let before: number | null = null; ; ) {
      const query = new URLSearchParams({
        repository,
        ...(before === null ? {} : { before: String(before) }),
      })
      const page = (await this.#server.ask('GET', `/api/v1/trash?${query}`)) as {
        entries: Deletion[]
        next: number | null
      }
      const found = page.entries.find(({ someManifests }) => someManifests.includes(digest))
      if (found !== undefined) return found
      if (page.next === null) return null
      before = page.next
    }
  }
}
