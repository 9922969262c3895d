/** What everything takes up is counted as whoever counts it anew would count it. */
import { countedUsage, recountedUsage } from '../../recounted-usage.ts'
import type { World } from '../world.ts'

/** When every change has been counted. */
export async function requireUsage(world: World): Promise<void> {
  const rows = (sql: string) => world.rows(sql)
  const [counted, recounted] = [await countedUsage(rows), await recountedUsage(rows)]
  const wrong = [
    ...counted.filter((line) => !recounted.includes(line)).map((line) => `counted: ${line}`),
    ...recounted.filter((line) => !counted.includes(line)).map((line) => `there is: ${line}`),
  ]
  if (wrong.length > 0) throw new Error(`what everything takes up is counted wrongly\n${wrong.join('\n')}`)
}
