/**
 * Resolves when everything else that waits for the event loop has had its turn: for work that asks a database in this
 * process much and waits for nothing, and would hold up all requests.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
