import { expect, test } from 'bun:test'
import { Command } from 'commander'
import { withPlainFlags } from './go-flags.ts'

const command = new Command('garbage-collect')
  .option('-d, --dry-run')
  .option('-m, --delete-untagged')
  .option('-c, --config <file>')

test.each([
  ['--delete-untagged=true config.yml', '--delete-untagged config.yml'],
  ['-m=true config.yml', '-m config.yml'],
  ['-m=1 -d=T', '-m -d'],
  ['-dm=true', '-d -m'],
  ['-dm=false', '-d'],
  ['--dry-run=false config.yml', 'config.yml'],
  ['-m --delete-untagged=false', ''],
  ['-dm --delete-untagged=F', '-d'],
  ['-m=false -m', '-m'],
])('%s means %s', (args, plain) => {
  expect(withPlainFlags(words(args), command)).toEqual(words(plain))
})

test.each([
  '-m config.yml',
  '--delete-untagged=perhaps',
  '-x=true',
  '--config=true',
  '-c=f',
  '-cfile.yml',
  '-d -- -m=true',
  '',
])('%s stays as it is', (args) => {
  expect(withPlainFlags(words(args), command)).toEqual(words(args))
})

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}
