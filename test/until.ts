/** Waiting in tests: for a condition with a deadline, never for a time. */

/** Waits until a condition holds, looking every 20 ms. Throws with the sentence when it does not in time. */
export async function until(
  sentence: string,
  holds: () => boolean | Promise<boolean>,
  options: { readonly withinMilliseconds: number } = { withinMilliseconds: 10_000 },
): Promise<void> {
  const deadline = performance.now() + options.withinMilliseconds
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`waited ${options.withinMilliseconds} ms in vain until ${sentence}`)
    await Bun.sleep(20)
  }
}

/** Waits until a server has logged this: lines are written in rounds, a moment after the reply that they are about. */
export function untilLogged(server: { log(): string }, what: string | RegExp): Promise<void> {
  return until(`the log has ${what}`, () =>
    typeof what === 'string' ? server.log().includes(what) : what.test(server.log()),
  )
}
