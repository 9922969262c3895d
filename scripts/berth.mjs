#!/usr/bin/env node
// Runs Berth from its source: `npm run berth -- <command>`. A .env file that happens to lie around is not read:
// settings come from where the person put them.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runBun } from './bun.mjs'

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'main.ts')
runBun(['--no-env-file', main, ...process.argv.slice(2)])
