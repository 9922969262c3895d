/** `registry:2` on Berth's folder knows nothing of a deleted repository, and serves one that came back. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { checkBlob, getManifest } from '../clients/registry-contents.ts'
import { smallImage } from '../clients/sample-images.ts'
import { tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { startDockerRegistry } from './docker-registry.ts'

setDefaultTimeout(60_000)

const data = mkdtempSync(join(tmpdir(), 'peer-trash-test-'))
afterAll(() => rmSync(data, { recursive: true }))

async function berth(...args: string[]): Promise<string> {
  const [program = '', ...own] = FROM_SOURCE
  const { stdout, stderr, exitCode } = await tryCommand(program, [...own, ...args, '--data', data])
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

async function catalogOf(url: string): Promise<unknown> {
  return await (await fetch(`${url}/v2/_catalog`)).json()
}

describeWith('registry:2 beside the trash', ['docker-registry'], () => {
  test('lists no deleted repository, even after a kill, and serves it when it was restored', async () => {
    const [kept, gone] = [smallImage('kept'), smallImage('gone')]
    {
      await using server = await startBerth({ data })
      await pushImage(server.url, 'team/app', '1', gone)
      await pushImage(server.url, 'team/app/inner', '1', kept)
      await berth('repository', 'delete', 'team/app')
      await server.kill()
    }
    {
      await using peer = await startDockerRegistry({ data })
      expect(await catalogOf(peer.url)).toEqual({ repositories: ['team/app/inner'] })
    }
    {
      await using server = await startBerth({ data })
      const { entries } = JSON.parse(await berth('trash', 'list', '--format', 'json'))
      await berth('trash', 'restore', String(entries[0].id))
      await server.kill()
    }
    await using peer = await startDockerRegistry({ data })
    expect(await catalogOf(peer.url)).toEqual({ repositories: ['team/app', 'team/app/inner'] })
    expect((await getManifest(peer.url, 'team/app', '1')).digest).toBe(gone.root.digest)
    for (const { digest } of gone.blobs) await checkBlob(peer.url, 'team/app', digest)
  })
})
