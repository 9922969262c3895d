/** Every command that a module of the registry defines can be run by the writer. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { COMMANDS } from './commands.ts'

const registry = join(import.meta.dir, '../registry')

test('every command of the registry is in the list', async () => {
  const files = [...new Bun.Glob('**/*.ts').scanSync(registry)].filter((file) => !file.endsWith('.test.ts'))
  const modules: object[] = await Promise.all(files.map((file) => import(join(registry, file))))
  const defined = modules
    .flatMap((module) => Object.entries(module))
    .filter(([name]) => name.endsWith('Command'))
  expect(defined.length).toBeGreaterThan(10)
  expect(new Set(COMMANDS)).toEqual(new Set(defined.map(([, command]) => command)))
})
