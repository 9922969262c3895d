/**
 * A port where connections are neither taken nor refused, as behind a firewall: its owner is stopped, and the kernel's
 * queue for it is full.
 */
import { connect, type Socket } from 'node:net'
import { until } from '../until.ts'

export interface DeafPort extends Disposable {
  readonly port: number
}

/** More than any runtime asks the kernel to queue. */
const CALLERS = 700
const LISTEN =
  "console.log(Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } }).port); setInterval(() => {}, 1e6)"

export async function openDeafPort(): Promise<DeafPort> {
  const child = Bun.spawn([process.execPath, '-e', LISTEN], { stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  const port = Number(new TextDecoder().decode(value))
  child.kill('SIGSTOP')
  const callers = Array.from({ length: CALLERS }, () => call(port))
  const dispose = () => {
    for (const { socket } of callers) socket.destroy()
    child.kill('SIGKILL')
  }
  try {
    await until('nobody is heard any more', () => callers.filter(({ isHeard }) => isHeard()).length >= 512)
  } catch (error) {
    dispose()
    throw error
  }
  return { port, [Symbol.dispose]: dispose }
}

function call(port: number): { readonly socket: Socket; isHeard(): boolean } {
  let isHeard = false
  const socket = connect(port, '127.0.0.1', () => {
    isHeard = true
  })
  // The owner's end is the end of all.
  socket.on('error', () => {})
  return { socket, isHeard: () => isHeard }
}
