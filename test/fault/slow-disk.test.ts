import { setDefaultTimeout, test } from 'bun:test'
import { AS_USER, startBerth } from '../berth-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { childrenOf, TWO_WORKERS } from './processes.ts'
import { expectOthersGoOn } from './slow-disk.ts'

setDefaultTimeout(60_000)

describeWith(
  'fsyncs that hang hold up nobody but those who wait for them (strace):',
  ['strace'],
  ({ strace }) => {
    test('in one process', async () => {
      await using berth = await startBerth()
      await expectOthersGoOn(strace, berth, [berth.pid])
    })

    test('in one process that npm started', async () => {
      await using berth = await startBerth({ program: AS_USER })
      const server = berth.processes().filter((pid) => pid !== berth.pid)
      await expectOthersGoOn(strace, berth, server)
    })

    test('in workers', async () => {
      await using berth = await startBerth({ env: TWO_WORKERS })
      await expectOthersGoOn(strace, berth, childrenOf(berth, 'worker'))
    })
  },
)
