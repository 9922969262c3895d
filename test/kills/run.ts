/**
 * `npm run kills`: a thousand kills at points that a seed chooses, by the tests of this folder.
 * `npm run kills -- 300 7` makes it 300, at the seed 7. A failure names the seed and the point.
 */
import { join } from 'node:path'
import { installTools } from '../tools/install.ts'

const [kills = '1000', seed = String(crypto.getRandomValues(new Uint32Array(1))[0])] = process.argv.slice(2)

await installTools()
console.log(`${kills} kills, FAULT_SEED=${seed}`)
const child = Bun.spawn([process.execPath, 'test', './test/kills/'], {
  cwd: join(import.meta.dir, '../..'),
  // What is not installed is an error here.
  env: { ...process.env, KILLS: kills, FAULT_SEED: seed, CI: 'true' },
  stdio: ['inherit', 'inherit', 'inherit'],
})
process.exitCode = await child.exited
