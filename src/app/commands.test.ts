/** Every command that a module of the registry or of the jobs defines can be run by the writer. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { COMMANDS } from './commands.ts'

const source = join(import.meta.dir, '..')

test('every command is in the list', async () => {
  const files = [...new Bun.Glob('{registry,jobs}/**/*.ts').scanSync(source)].filter(
    (file) => !file.endsWith('.test.ts'),
  )
  const modules: object[] = await Promise.all(files.map((file) => import(join(source, file))))
  const defined = modules
    .flatMap((module) => Object.entries(module))
    .filter(([name]) => name.endsWith('Command'))
  expect(defined.length).toBeGreaterThan(10)
  expect(new Set(COMMANDS)).toEqual(new Set(defined.map(([, command]) => command)))
})
