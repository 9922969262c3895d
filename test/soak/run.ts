/**
 * `npm run soak`: ten minutes of it, by the test of this folder. `npm run soak -- 60 7` makes it 60 seconds, at the
 * seed 7.
 */
import { join } from 'node:path'
import { installTools } from '../tools/install.ts'

const [seconds = '600', seed = String(crypto.getRandomValues(new Uint32Array(1))[0])] = process.argv.slice(2)

await installTools()
console.log(`${seconds} seconds, FAULT_SEED=${seed}`)
const child = Bun.spawn([process.execPath, 'test', './test/soak/'], {
  cwd: join(import.meta.dir, '../..'),
  // What is not installed is an error here.
  env: { ...process.env, SOAK_SECONDS: seconds, FAULT_SEED: seed, CI: 'true' },
  stdio: ['inherit', 'inherit', 'inherit'],
})
process.exitCode = await child.exited
