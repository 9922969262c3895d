#!/usr/bin/env node
// Runs Berth from its source: `npm run berth -- <command>`. A .env file that happens to lie around is not read:
// settings come from where the person put them. Berth ends when this launcher does, even by `kill -9`.
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runBun } from './bun.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const program = ['--preload', join(here, 'end-with-launcher.ts'), join(here, '..', 'src', 'main.ts')]
// src/main.ts says what this is for. It is too late there: what is loaded before it has started Bun's threads.
process.env.UV_THREADPOOL_SIZE ||= String(Math.max(16, availableParallelism()))
runBun(['--no-env-file', ...program, ...process.argv.slice(2)], {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
})
