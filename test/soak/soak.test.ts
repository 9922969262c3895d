/**
 * Pushes, deletes, restores and pulls beside a collection with a grace of seconds, for half a minute; `npm run soak`
 * does it for ten.
 */
import { expect, test } from 'bun:test'
import { describeWith } from '../tools/describe-with.ts'
import { FORMS } from './forms.ts'
import { soak } from './soak.ts'

const seed = Number(process.env['FAULT_SEED'] ?? 1)
const seconds = Number(process.env['SOAK_SECONDS'] ?? 30) / FORMS.length

console.log(`FAULT_SEED=${seed}`)
for (const form of FORMS) {
  describeWith(`a soak of ${form.name}`, form.tools, () => {
    test(
      'loses nothing, and leaves nothing over',
      async () => {
        const report = await soak(form, { seconds, seed })
        console.log(report)
        expect(report).toMatchObject({ failedPulls: [], accountedBytes: report.storedBytes })
      },
      (5 * seconds + 240) * 1000,
    )
  })
}
