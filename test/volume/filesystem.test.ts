/** On which file systems Berth starts. */
import { afterAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { untilLogged } from '../until.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-filesystem-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describeWith(
  'the file system under the data, as strace has the kernel tell it,',
  ['strace'],
  ({ strace }) => {
    /** statfs(2) with another magic number as the type, its first field. */
    function onFilesystem(magic: string): string[] {
      const lie = `--inject=statfs:poke_exit=@arg2=${magic}`
      return [strace, '-f', '-qq', '-o', '/dev/null', '-e', 'trace=statfs', lie, ...FROM_SOURCE]
    }

    test('is refused for SQLite when it is a network one, with what to do instead', () => {
      const data = mkdtempSync(join(folder, 'nfs-'))
      const command = [...onFilesystem('6969000000000000'), 'serve', '--addr', '127.0.0.1:0', '--data', data]
      const { exitCode, stderr } = Bun.spawnSync(command)
      expect(stderr.toString()).toContain('lies on a network file system (NFS)')
      expect(stderr.toString()).toContain('BERTH_DATABASE_PATH')
      expect(exitCode).toBe(4)
      expect(existsSync(join(data, 'berth', 'berth.db'))).toBe(false)
    })

    test('is warned about when it is FUSE, which may be anything', async () => {
      await using berth = await startBerth({ program: onFilesystem('4655736500000000') })
      await untilLogged(berth, 'lies on a FUSE file system')
    })
  },
)
