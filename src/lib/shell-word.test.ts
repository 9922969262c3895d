import { expect, test } from 'bun:test'
import { shellWord } from './shell-word.ts'

test.each([
  '/data/auth/htpasswd',
  'alice',
  'a b',
  "o'hara",
  '$HOME `id` "x"',
  '-n',
  '',
  'a\nb',
  '*',
  'дарья',
])('a shell takes %j for one word, and that one', (word) => {
  const { stdout } = Bun.spawnSync(['sh', '-c', `printf '%s|' ${shellWord(word)}`])
  expect(stdout.toString()).toBe(`${word}|`)
})
