/**
 * What a commit asks of the disk, and what happens when the disk fails. Faults come from strace, from
 * outside. Each script runs in a process of its own, with a `writer` and its `path`.
 */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describeWith } from '../../../test/tools/describe-with.ts'

describeWith('a commit, seen by strace', ['strace'], ({ strace }) => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-durability-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  /** Runs the script, with a fault as strace's --inject takes it, and gives what it said and asked of the disk. */
  function traced(script: string, ...faults: string[]): Trace {
    const program = join(folder, 'program.ts')
    const log = join(folder, 'strace.log')
    rmSync(join(folder, 'berth.db'), { force: true })
    writeFileSync(program, preamble(folder) + script)
    const inject = faults.flatMap((fault) => ['--inject', fault])
    const watch = ['-f', '-y', '-o', log, '-e', 'trace=fsync,fdatasync,pwrite64,write', ...inject]
    const { stdout, stderr } = Bun.spawnSync([strace, ...watch, process.execPath, program])
    if (stderr.length > 0) throw new Error(stderr.toString())
    const calls = readFileSync(log, 'utf8').split('\n').flatMap(parseCall)
    const speaker = calls.find(({ target }) => target.startsWith('say '))?.thread
    return {
      said: stdout
        .toString()
        .trim()
        .split('\n')
        .map((line) => line.replace(/^say /, '')),
      calls: calls.filter(({ thread }) => thread === speaker),
    }
  }

  /** How the kernel can refuse the call that comes first after the script says `word`. */
  function firstCallAfter(word: string, script: string, name: string): number {
    const { calls } = traced(script)
    const end = calls.findIndex(({ target }) => target === `say ${word}`)
    return calls.slice(0, end).filter((call) => call.name === name).length + 1
  }

  test('syncs the log once for all commands that waited, before it answers', () => {
    const trace = traced(`
      say('one')
      await put(['a'])
      say('many')
      await put(Array.from({ length: 100 }, (_, index) => 'name ' + index))
      say('done')
    `)
    expect(synced(trace, 'one', 'many')).toEqual(['berth.db-wal'])
    expect(synced(trace, 'many', 'done')).toEqual(['berth.db-wal'])
  })

  test('syncs nothing for commands that need not survive a power loss, and all of it with the next that must', () => {
    const trace = traced(`
      await put(['first'])
      say('in passing')
      for (const name of 'abc') await put([name], putNoteInPassing)
      say('durable')
      await put(['d'])
      say('done')
    `)
    expect(synced(trace, 'in passing', 'durable')).toEqual([])
    expect(synced(trace, 'durable', 'done')).toEqual(['berth.db-wal'])
  })

  test('on a full disk fails for all, leaves nothing, and works again when there is room', () => {
    const script = `
      say('full')
      for (const error of await failures(['a', 'b'])) say(error.replace(path, 'berth.db'))
      await put(['after'])
      say(await names())
    `
    const { said } = traced(
      script,
      `pwrite64:error=ENOSPC:when=${firstCallAfter('full', script, 'pwrite64')}`,
    )
    const full = 'DatabaseFull: The database berth.db cannot be used now: the disk is full: free some space.'
    expect(said).toEqual(['full', full, full, 'after,warm'])
  })

  test('that could not be synced fails, and nothing is written after it', () => {
    const script = `
      say('broken')
      for (const error of await failures(['a', 'b'])) say(error.replace(path, 'berth.db'))
      for (const error of await failures(['c'])) say(error.replace(path, 'berth.db'))
      say(await names())
    `
    const { said } = traced(script, `fsync:error=EIO:when=${firstCallAfter('broken', script, 'fsync')}`)
    const broken =
      'DatabaseUnavailable: The database berth.db cannot be used now: the disk reports errors: check the disk and the system log.'
    expect(said).toEqual(['broken', broken, broken, broken, 'warm'])
  })

  test('that could not be synced ends the thread of its writer, and another one takes its place', () => {
    const script = `
      const { startThread } = await import('${new URL('./writer-program.contract.ts', import.meta.url).href}')
      const { openSqliteDatabase } = await import('${new URL('./database.ts', import.meta.url).href}')
      await writer.close()
      const death = Promise.withResolvers()
      const thread = await startThread(folder, { onDeath: ({ error }) => death.resolve(error) })
      const database = openSqliteDatabase(path, thread)
      const putOne = (name) => database.write(putNote, { name, value: '' })
      let refused = null
      for (let index = 0; refused === null && index < 100; index++) {
        await putOne('name ' + index).catch((error) => { refused = error.message })
      }
      say(refused.replace(path, 'berth.db'))
      say((await death.promise).message.replace(path, 'berth.db'))
      await putOne('after')
      say((await names()).includes('after'))
      await database.close()
    `
    // Counted in each thread apart: the main one syncs a few times only, and the writer's once a command.
    const { said } = traced(script, 'fsync:error=EIO:when=40')
    const broken =
      'The database berth.db cannot be used now: the disk reports errors: check the disk and the system log.'
    expect(said).toEqual([broken, broken, 'true'])
  })
})

interface Call {
  readonly thread: string
  readonly name: string
  /** The file's name, or `say …` for a line of the script's own. */
  readonly target: string
}

interface Trace {
  readonly said: string[]
  /** Those of the thread that runs the script. */
  readonly calls: Call[]
}

function parseCall(line: string): Call[] {
  const [, thread, name, path, rest] = /^(\d+) +(\w+)\(\d+<([^>]*)>(.*)/.exec(line) ?? []
  if (thread === undefined || name === undefined || path === undefined) return []
  const said = /"(say .*?)\\n"/.exec(rest ?? '')?.[1]
  return [{ thread, name, target: name === 'write' && said ? said : basename(path) }]
}

function preamble(folder: string): string {
  const here = new URL('.', import.meta.url).pathname
  return `
    import { writeSync } from 'node:fs'
    import { putNote, putNoteInPassing } from '${here}../notes.contract.ts'
    import { text } from '${here}../row.ts'
    import { SqliteReader } from '${here}reader.ts'
    import { openWriterIn } from '${here}writer-program.contract.ts'
    const folder = '${folder}'
    const path = folder + '/berth.db'
    const writer = await openWriterIn(folder)
    const say = (line) => writeSync(1, 'say ' + line + '\\n')
    const put = (names, command = putNote) => Promise.all(names.map((name) => writer.submit(command, { name, value: '' })))
    const failures = (names) => Promise.all(names.map((name) => writer.submit(putNote, { name, value: '' }).then(() => 'no error', String)))
    const names = () => new SqliteReader(path).all('SELECT name FROM notes ORDER BY name', [], (row) => text(row, 'name')).then(String)
    await put(['warm'])
  `
}

/** The files that were synced between two words of the script. */
function synced({ calls }: Trace, from: string, to: string): string[] {
  const start = calls.findIndex(({ target }) => target === `say ${from}`)
  const end = calls.findIndex(({ target }) => target === `say ${to}`)
  return calls.slice(start, end).flatMap(({ name, target }) => (/sync$/.test(name) ? [target] : []))
}
