/**
 * What a program asked of the kernel, as `strace -f -y -xx` wrote it down: every call that can change a file
 * or send an answer, with its data. Calls of several threads overlap: each has the line in which it began and
 * the one in which it ended, and what follows from it in the program begins after that.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { BerthServer } from '../berth-server.ts'

/** Every way to change what is on a disk, and to answer on a socket. Ways that no model knows are here so that they are noticed. */
const CHANGING_CALLS = [
  ...['open', 'openat', 'openat2', 'creat', 'mkdir', 'mkdirat', 'mknod', 'mknodat', 'rmdir'],
  ...['unlink', 'unlinkat', 'rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat'],
  ...[
    'write',
    'writev',
    'pwrite64',
    'pwritev',
    'pwritev2',
    'sendfile',
    'copy_file_range',
    'splice',
    'vmsplice',
  ],
  ...['truncate', 'ftruncate', 'fallocate', 'mmap', 'ioctl', 'io_uring_setup', 'io_submit'],
  ...['fsync', 'fdatasync', 'sync_file_range', 'syncfs', 'sync', 'msync', 'sendto', 'sendmsg'],
]
const LONGEST_STRING = 16 * 1024 * 1024

/**
 * strace's arguments for a recording into `output`; the program and its own arguments come behind them. Of data,
 * so many bytes are kept: all of them unless said.
 */
export function recordingArguments(output: string, stringBytes = LONGEST_STRING): string[] {
  const watch = `trace=${CHANGING_CALLS.join(',')}`
  return ['-f', '--seccomp-bpf', '-y', '-xx', '-s', String(stringBytes), '-e', watch, '-o', output]
}

/** Stops a server that runs under `strace`, which passes no signal on and ends when its program does. */
export async function stopRecorded(berth: BerthServer): Promise<void> {
  const isServer = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0serve\0')
  const server = berth.processes().find((pid) => pid !== berth.pid && isServer(pid))
  if (server === undefined) throw new Error(`The server has ended:\n${berth.log()}`)
  process.kill(server, 'SIGTERM')
  const code = await berth.exited
  if (code !== 0) throw new Error(`The server ended with ${code}:\n${berth.log()}`)
}

export interface Call {
  readonly name: string
  /** Lines of the recording. Infinity for the end of a call that the program did not live to see. */
  readonly begun: number
  readonly ended: number
  /** As strace wrote them, without what a call gave back in them. */
  readonly values: string
  readonly result: string
}

/** The calls of a recording, in the order in which they began. */
export function readCalls(output: string): Call[] {
  const calls: Call[] = []
  const open = new Map<string, { call: Call; at: number }>()
  for (const [line, text] of output.split('\n').entries()) {
    const thread = text.slice(0, text.indexOf(' '))
    const rest = text.slice(thread.length).trimStart()
    if (rest.startsWith('<... ')) {
      const begun = open.get(thread)
      open.delete(thread)
      if (begun !== undefined) calls[begun.at] = resumed(begun.call, rest, line)
      continue
    }
    const call = callIn(rest, line)
    if (call === null) continue
    if (call.ended === Infinity) open.set(thread, { call, at: calls.length })
    calls.push(call)
  }
  return calls
}

function callIn(text: string, line: number): Call | null {
  const opening = text.indexOf('(')
  const name = text.slice(0, opening)
  if (opening < 0 || !/^\w+$/.test(name)) return null
  if (text.endsWith('<unfinished ...>')) {
    return { name, begun: line, ended: Infinity, values: text.slice(opening + 1, -16).trimEnd(), result: '' }
  }
  const { values, result } = divided(text.slice(opening + 1))
  return { name, begun: line, ended: line, values, result }
}

function resumed(call: Call, text: string, line: number): Call {
  const { values, result } = divided(text.slice(text.indexOf('resumed>') + 'resumed>'.length))
  return { ...call, ended: line, values: call.values + values, result }
}

/** Strings are in hexadecimal, so the last `) = ` is the end of the arguments. */
function divided(text: string): { readonly values: string; readonly result: string } {
  const [, closing = '', result = ''] = /(\)\s+= )([^=]*)$/.exec(text.slice(-4096)) ?? []
  return { values: text.slice(0, text.length - closing.length - result.length), result: result.trim() }
}

export function hasSucceeded({ result }: Call): boolean {
  return /^(?:0x)?[0-9a-f]/.test(result)
}

/** What a call that gives a number gave back. */
export function numberGiven({ result }: Call): number {
  return Number.parseInt(result, 10)
}

/** The path of the call's first descriptor; null where it is not a file's, or one that has been removed. */
export function descriptorPath({ values }: Call): string | null {
  const [, path, removed] = /(?:^|, )\d+<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?/.exec(values) ?? []
  const text = path === undefined || removed !== undefined ? '' : decoded(path).toString()
  return text.startsWith('/') && !text.endsWith(' (deleted)') ? text : null
}

/** The paths that a call names, absolute. */
export function namedPaths({ values }: Call): string[] {
  const named = /(?:(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>, )?"((?:\\x[0-9a-f]{2})*)"/g
  return [...values.matchAll(named)].map(([, folder = '', path = '']) =>
    resolve(decoded(folder).toString() || '/', decoded(path).toString()),
  )
}

/** The bytes that a call wrote or sent: as many of those that it was given as the kernel took. */
export function writtenBytes(call: Call): Buffer {
  if (call.values.includes('"...')) throw new Error(`The recording holds a part of a ${call.name} only.`)
  const strings = [...call.values.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)]
  const all = Buffer.concat(strings.map(([, text = '']) => decoded(text)))
  return call.ended === Infinity ? all : all.subarray(0, numberGiven(call))
}

/** The status of the HTTP answer that a call began to send, or null. */
export function answeredStatus(call: Call): number | null {
  if (!/^(?:sendto|sendmsg|write|writev)$/.test(call.name)) return null
  if (!call.values.includes(ANSWER)) return null
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(writtenBytes(call).toString('latin1', 0, 16)) ?? []
  return status === undefined ? null : Number(status)
}

const ANSWER = hex('HTTP/1.1 ')

function decoded(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}

/** As strace writes text under -xx. */
export function hex(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}
