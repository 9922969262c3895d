import { describe, expect, test } from 'bun:test'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LineWriter } from './line-writer.ts'

const MODULE = join(import.meta.dir, 'line-writer.ts')

/** A program that has a LineWriter on its standard output, and says on standard error what happens. */
function run(program: string): Bun.Subprocess<'pipe', 'pipe', 'pipe'> {
  const source = `import { writeSync } from 'node:fs'
    import { LineWriter } from ${JSON.stringify(MODULE)}
    const say = (text) => writeSync(2, text + '\\n')
    ${program}`
  return Bun.spawn([process.execPath, '-e', source], { stdio: ['pipe', 'pipe', 'pipe'] })
}

describe('lines', () => {
  test('arrive whole and in order, in a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-lines-'))
    const path = join(folder, 'log')
    const descriptor = openSync(path, 'a')
    const lines = Array.from({ length: 5000 }, (_, number) => `line ${number} ü\n`)
    const writer = new LineWriter({ descriptor, isShared: false })
    for (const line of lines) writer.write(line)
    await writer.close()
    expect(readFileSync(path, 'utf8')).toBe(lines.join(''))
    closeSync(descriptor)
    rmSync(folder, { recursive: true })
  })

  test('arrive whole and in order, in a pipe that nobody reads until it is full', async () => {
    const child = run(`
      const writer = new LineWriter({ descriptor: 1, isShared: false })
      for (let number = 0; number < 8000; number++) writer.write('line ' + number + ' ' + 'x'.repeat(100) + '\\n')
      say('full')
      await writer.close()`)
    await child.stderr.getReader().read()
    const lines = (await new Response(child.stdout).text()).split('\n')
    expect(lines).toHaveLength(8001)
    lines.slice(0, -1).forEach((line, number) => {
      expect(line).toBe(`line ${number} ${'x'.repeat(100)}`)
    })
  })

  test('are written at the end of a process that did not wait for them', async () => {
    const child = run(`
      const writer = new LineWriter({ descriptor: 1, isShared: true })
      writer.write('last words\\n')
      process.exit(3)`)
    expect(await new Response(child.stdout).text()).toBe('last words\n')
    expect(await child.exited).toBe(3)
  })
})

describe('when a process ends in the middle of writing', () => {
  test('what it has not yet handed to the system is written, and nothing twice', async () => {
    const child = run(`
      const writer = new LineWriter({ descriptor: 1, isShared: true })
      for (let number = 0; number < 500; number++) writer.write('line ' + number + ' ' + 'x'.repeat(80) + '\\n')
      setImmediate(() => setImmediate(() => process.exit(0)))`)
    const lines = (await new Response(child.stdout).text()).split('\n').filter((line) => line !== '')
    const numbers = lines.map((line) => Number(line.split(' ')[1]))
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(numbers).toContain(499)
    // One piece, of 4096 bytes at the most, may be lost.
    expect(numbers.length).toBeGreaterThanOrEqual(500 - Math.ceil(4096 / 86))
  })
})

describe('where nobody reads', () => {
  test('the process goes on, and ends when it wants to', async () => {
    const child = run(`
      const writer = new LineWriter({ descriptor: 1, isShared: true })
      for (let number = 0; number < 3000; number++) writer.write('x'.repeat(1000) + '\\n')
      let ticks = 0
      const ticking = setInterval(() => ++ticks === 5 && (say('alive'), process.exit(4)), 10)`)
    expect(await child.exited).toBe(4)
    expect(await new Response(child.stderr).text()).toBe('alive\n')
  })

  test('what finds no room is counted, and told of once there is room', async () => {
    const child = run(`
      const writer = new LineWriter({ descriptor: 1, isShared: true, onLost: (lines) => (say('lost ' + lines), process.exit(0)) })
      for (let number = 0; number < 3000; number++) writer.write('x'.repeat(1000) + '\\n')`)
    const written = (await new Response(child.stdout).text()).split('\n').filter((line) => line !== '')
    const lost = Number(/lost (\d+)/.exec(await new Response(child.stderr).text())?.[1])
    expect(written.length + lost).toBe(3000)
    expect(lost).toBeGreaterThan(1500)
  })

  test('a reader that went away is no failure', async () => {
    const child = run(`
      const writer = new LineWriter({ descriptor: 1, isShared: true })
      const writing = setInterval(() => writer.write('x'.repeat(1000) + '\\n'), 1)
      process.stdin.resume().on('end', async () => {
        writer.write('to nobody\\n')
        clearInterval(writing)
        await writer.close()
        say('well')
        process.exit(0)
      })`)
    await child.stdout.cancel()
    await child.stdin.end()
    expect(await new Response(child.stderr).text()).toBe('well\n')
    expect(await child.exited).toBe(0)
  })
})
