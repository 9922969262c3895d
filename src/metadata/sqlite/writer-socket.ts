/**
 * The writer as a process of its own, behind a Unix socket that only its owner may open: `serveSocket` in
 * the writer's process, `WriterSocket` in each worker. A worker connects again for as long as it lives; who
 * starts a dead writer again is the supervisor.
 */
import { existsSync, unlinkSync } from 'node:fs'
import type { Socket, SocketHandler } from 'bun'
import type { AnyCommand } from '../database.ts'
import { CommandCatalog } from './catalog.ts'
import { encodeFrame, FrameDecoder, FrameWriter } from './frames.ts'
import type { FromWriter, ToWriter } from './wire.ts'
import type { CommandRunner } from './writer.ts'
import { answerCommand, type LinkOptions, WriterLink } from './writer-link.ts'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500
/** Linux and macOS keep a socket's address in a field of 104 to 108 bytes. */
const LONGEST_PATH = 100

interface Conversation {
  readonly decoder: FrameDecoder
  readonly frames: FrameWriter
}

export interface SocketServer {
  /** Rejects when the disk has failed the writer: nothing more may be trusted to this process, which must end. Never resolves. */
  readonly broken: Promise<never>
  /** Takes no more connections, and cuts those that are there: their unanswered commands are run again by others. */
  stop(): void
}

/** Answers workers on the socket. A file left there by a dead writer is replaced: the writer's lock says that it is dead. */
export function serveSocket(
  path: string,
  writer: CommandRunner,
  commands: readonly AnyCommand[],
): SocketServer {
  requireShort(path)
  const catalog = new CommandCatalog(commands)
  const broken = Promise.withResolvers<never>()
  const answer = (socket: Socket<Conversation>, command: ToWriter & { readonly kind: 'command' }) => {
    const send = (answer: FromWriter) => socket.data.frames.send(encodeFrame(answer))
    void answerCommand(command, writer, catalog, send).then((failure) => {
      if (failure !== null) setImmediate(() => broken.reject(failure))
    })
  }
  const listener = listenPrivately(path, {
    open(socket) {
      socket.data = conversation(socket)
    },
    data(socket, bytes) {
      for (const message of receive<ToWriter>(socket, socket.data.decoder, bytes)) {
        if (message.kind === 'command') answer(socket, message)
      }
    },
    drain: (socket) => socket.data.frames.flush(),
  })
  return { broken: broken.promise, stop: () => listener.stop(true) }
}

/** For the owner alone from the first moment on: a change of the mode afterwards would come too late. */
function listenPrivately(
  path: string,
  socket: SocketHandler<Conversation>,
): Bun.UnixSocketListener<Conversation> {
  if (existsSync(path)) unlinkSync(path)
  const before = process.umask(0o177)
  try {
    return Bun.listen<Conversation>({ unix: path, socket })
  } finally {
    process.umask(before)
  }
}

/** A worker's way to the writer's process. */
export class WriterSocket {
  readonly link: WriterLink
  readonly #path: string
  #socket: Socket<Conversation> | null = null
  #closing = false
  #closed: Promise<void> | null = null

  /** Returns at once: commands wait until the writer is there. */
  constructor(path: string, options: LinkOptions = {}) {
    requireShort(path)
    this.#path = path
    this.link = new WriterLink(options)
    void this.#stayConnected()
  }

  /** Lets the commands that were sent end. The writer lives on for the other workers. Safe to call twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.link.drain()
    this.#closing = true
    this.#socket?.end()
  }

  async #stayConnected(): Promise<void> {
    let pause = FIRST_PAUSE_MS
    while (!this.#closing) {
      if (await this.#connection()) pause = FIRST_PAUSE_MS
      this.#socket = null
      this.link.detach('The writer of the database went away. Please try again.')
      if (this.#closing) return
      await Bun.sleep(pause)
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    }
  }

  /** One connection from its start to its end; false when there was none. */
  async #connection(): Promise<boolean> {
    const ended = Promise.withResolvers<void>()
    const { link } = this
    try {
      this.#socket = await Bun.connect<Conversation>({
        unix: this.#path,
        socket: {
          open(socket) {
            socket.data = conversation(socket)
          },
          data(socket, bytes) {
            for (const message of receive<FromWriter>(socket, socket.data.decoder, bytes))
              link.receive(message)
          },
          drain: (socket) => socket.data.frames.flush(),
          close: () => ended.resolve(),
        },
      })
    } catch {
      return false
    }
    if (this.#closing) this.#socket.end()
    const { frames } = this.#socket.data
    link.attach({ send: (message) => frames.send(encodeFrame(message)) })
    await ended.promise
    return true
  }
}

function conversation(socket: Socket<Conversation>): Conversation {
  return { decoder: new FrameDecoder(), frames: new FrameWriter(socket) }
}

/** Only a program of another version writes what cannot be read: there is nothing to be said to it. */
function receive<Message>(socket: Socket<Conversation>, decoder: FrameDecoder, bytes: Uint8Array): Message[] {
  try {
    return decoder.take(bytes) as Message[]
  } catch {
    socket.terminate()
    return []
  }
}

function requireShort(path: string): void {
  if (Buffer.byteLength(path) <= LONGEST_PATH) return
  throw new Error(`${path} is too long for a socket's path: at most ${LONGEST_PATH} bytes`)
}
