/**
 * `auth.htpasswd`: HTTP Basic against a file that anybody may change at any time. Every user in it may do
 * everything, as with distribution's registry.
 *
 * Invariants: nobody is let in by anything but what stands in the file at that moment, so a removed user and an
 * old password are out at once; a file that cannot be read lets nobody in, and says so loudly (503, not 401);
 * an unknown user costs what a wrong password costs; bcrypt runs once for a credential and minute, off the event
 * loop, and a flood of wrong passwords waits behind those who were right before.
 */
import { availableParallelism } from 'node:os'
import { FairQueue, QueueFull } from '../../lib/fair-queue.ts'
import { homeNetwork } from '../../lib/home-network.ts'
import { messageOf } from '../../lib/thrown.ts'
import { FileUnreadable, WatchedFile } from '../../lib/watched-file.ts'
import type { Log } from '../../observability/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import { type Asked, type Authenticator, type Challenge, LoginRefused } from '../authenticate.ts'
import { type PasswordCredentials, parseBasic } from '../credentials.ts'
import { ANONYMOUS, type Principal } from '../principal.ts'
import { type CredentialKey, RememberedLogins } from '../remembered-logins.ts'
import { matchesBcrypt, unmatchableHash } from './bcrypt.ts'
import { howToMend } from './mending.ts'
import { type PasswordFile, parsePasswordFile, type StoredPassword } from './password-file.ts'

export interface HtpasswdOptions {
  readonly realm: string
  readonly path: string
  readonly log: Log
  /** Milliseconds, on a clock that never goes back. */
  now?(): number
}

/** With a hash that nobody's password has, for whoever is not in the file. */
interface UsersFile extends PasswordFile {
  readonly unmatchable: string
}

const REMEMBERED = 60_000
/** Of a name that somebody has sent, in the log. */
const LONGEST_NAME = 200

/** Half of the cores at the most, for the other half serves. */
const QUEUE = {
  atOnce: Math.max(1, Math.floor(availableParallelism() / 2)),
  mostInLane: 64,
  mostWaiting: 512,
  patienceMilliseconds: 10_000,
}

export class HtpasswdAuthenticator implements Authenticator {
  readonly challenge: Challenge
  readonly #file: WatchedFile<UsersFile>
  readonly #log: Log
  /** The proof is the hash that stood in the file. */
  readonly #logins: RememberedLogins<Principal, string>
  readonly #queue = new FairQueue(QUEUE)
  /** Logins that are being looked at, by what was sent and what it is compared with. */
  readonly #underWay = new Map<string, Promise<boolean>>()

  constructor({ realm, path, log, now }: HtpasswdOptions) {
    this.challenge = { kind: 'basic', realm }
    this.#log = log
    const clock = now === undefined ? {} : { now }
    this.#file = new WatchedFile({ path, parse: parseUsersFile, ...clock })
    this.#logins = new RememberedLogins(clock)
  }

  authenticate(asked: Asked): Principal | Promise<Principal> {
    const header = asked.header('authorization')
    if (header === null || header === '') return ANONYMOUS
    const key = this.#logins.keyOf(header)
    const login = this.#logins.find(key)
    if (login === null || !this.#logins.isValid(login)) return this.#logIn(header, key, asked)
    return this.#isCurrent(login.who.name, login.proof) ? login.who : this.#logIn(header, key, asked)
  }

  /** Reads the file again, whatever its time says. Gives what is wrong with it, or null. */
  async reload(): Promise<string | null> {
    this.#file.distrust()
    try {
      this.#file.current()
      return null
    } catch (error) {
      return messageOf(error)
    }
  }

  #isCurrent(name: string, hash: string): boolean {
    try {
      const stored = this.#file.current().users.get(name)
      return stored?.kind === 'bcrypt' && stored.hash === hash
    } catch {
      return false // What is wrong with the file is said by the login that follows.
    }
  }

  async #logIn(header: string, key: CredentialKey, asked: Asked): Promise<Principal> {
    const credentials = parseBasic(header)
    if (credentials === null) throw new LoginRefused('The Authorization header is no name and password.')
    const principal =
      (await this.#tryFile(credentials, key, asked)) ?? (await this.#tryAgain(credentials, key, asked))
    if (principal === null) throw this.#refused(credentials.user, asked)
    return principal
  }

  /** Whoever rewrites the file in place empties it first: nobody is refused for that moment. */
  async #tryAgain(
    credentials: PasswordCredentials,
    key: CredentialKey,
    asked: Asked,
  ): Promise<Principal | null> {
    if (!this.#file.isSettling) return null
    await this.#file.settled()
    return await this.#tryFile(credentials, key, asked)
  }

  /** Null also where the file cannot be read. */
  async #tryFile(
    { user, password }: PasswordCredentials,
    key: CredentialKey,
    asked: Asked,
  ): Promise<Principal | null> {
    const file = this.#findFile()
    if (file === null) return null
    const stored = file.users.get(user)
    const hash = stored?.kind === 'bcrypt' ? stored.hash : file.unmatchable
    const isRight = await this.#matches(password, hash, key, asked)
    if (!isRight || !this.#isCurrent(user, hash)) return null
    const principal: Principal = { kind: 'user', name: user }
    this.#logins.remember(key, principal, hash, REMEMBERED)
    return principal
  }

  /** Many requests with the same credentials at once are one look. */
  #matches(password: string, hash: string, key: CredentialKey, asked: Asked): Promise<boolean> {
    const look = `${key} ${hash}`
    const underWay = this.#underWay.get(look)
    if (underWay !== undefined) return underWay
    const wasRight = this.#logins.find(key)?.proof === hash
    const lane = wasRight ? null : homeNetwork(asked.remoteAddress ?? '')
    const matching = this.#queue
      .run(lane, () => matchesBcrypt(password, hash))
      .catch(throwTooMany)
      .finally(() => this.#underWay.delete(look))
    this.#underWay.set(look, matching)
    return matching
  }

  #findFile(): UsersFile | null {
    try {
      return this.#file.current()
    } catch {
      return null
    }
  }

  /** Throws UNAVAILABLE where the file cannot be read: that is not the user's fault, and passes. */
  #users(): UsersFile {
    try {
      return this.#file.current()
    } catch (error) {
      if (!(error instanceof FileUnreadable)) throw error
      this.#log.error({ error }, `nobody can log in: ${error.message}`)
      throw new RegistryError(
        'UNAVAILABLE',
        'The registry cannot read its list of users now, so nobody can log in. Ask its operator, whose log says why.',
      )
    }
  }

  #refused(user: string, asked: Asked): LoginRefused {
    const stored = this.#users().users.get(user)
    const fields = {
      'auth.user.name': user.slice(0, LONGEST_NAME),
      'http.request.remoteaddr': asked.remoteAddress ?? '',
    }
    this.#log.warn(fields, `login failed: ${this.#reasonFor(user, stored)}`)
    // The same for everybody: a stranger must not learn whom the file lists.
    return new LoginRefused(
      'The name or the password is wrong. Where both are right, the registry may not take the form in which the ' +
        'password is stored: its operator finds that in the log.',
    )
  }

  #reasonFor(user: string, stored: StoredPassword | undefined): string {
    if (stored === undefined) return 'there is no such user'
    if (stored.kind === 'bcrypt') return 'wrong password'
    return `the password is stored as ${stored.form}. ${howToMend(this.#file.path, user)}`
  }
}

function parseUsersFile(bytes: Uint8Array): UsersFile {
  const file = parsePasswordFile(bytes)
  return { ...file, unmatchable: unmatchableHash(file.usualCost) }
}

function throwTooMany(error: unknown): never {
  if (!(error instanceof QueueFull)) throw error
  throw new RegistryError(
    'TOOMANYREQUESTS',
    'Too many people log in at this moment. Please try again shortly.',
  )
}
