/**
 * Who was let in lately, so that a client's next request costs no bcrypt and no signature. What was sent is kept
 * as a keyed hash alone: with the key of this process, whose memory it never leaves, so that a hash says nothing
 * about the password even to somebody who has seen it.
 *
 * It holds a bounded number: of more, those that were let in longest ago are forgotten. It does not know
 * whether somebody may still come in: whoever asks it compares the proof.
 */

/** An Authorization header as this memory knows it. */
export type CredentialKey = string & { readonly kind: 'credential-key' }

export interface RememberedLogin<Who, Proof> {
  readonly who: Who
  /** What let them in; where that is no longer so, neither is this. */
  readonly proof: Proof
  /** On the clock of this memory. */
  readonly until: number
}

export interface RememberedLoginsOptions {
  /** The most that are remembered. */
  readonly most?: number
  /** Milliseconds, on a clock that never goes back. */
  now?(): number
}

const MOST = 10_000

export class RememberedLogins<Who, Proof> {
  readonly #key = crypto.getRandomValues(new Uint8Array(32))
  readonly #logins = new Map<CredentialKey, RememberedLogin<Who, Proof>>()
  readonly #most: number
  readonly #now: () => number

  constructor({ most = MOST, now = () => performance.now() }: RememberedLoginsOptions = {}) {
    this.#most = most
    this.#now = now
  }

  keyOf(header: string): CredentialKey {
    return new Bun.CryptoHasher('sha256', this.#key).update(header).digest('base64') as CredentialKey
  }

  /** Also when its time is over, for then it still says that these credentials were right once. */
  find(key: CredentialKey): RememberedLogin<Who, Proof> | null {
    return this.#logins.get(key) ?? null
  }

  isValid(login: RememberedLogin<Who, Proof>): boolean {
    return this.#now() < login.until
  }

  remember(key: CredentialKey, who: Who, proof: Proof, forMilliseconds: number): void {
    this.#logins.delete(key)
    this.#logins.set(key, { who, proof, until: this.#now() + forMilliseconds })
    if (this.#logins.size <= this.#most) return
    for (const oldest of this.#logins.keys()) {
      this.#logins.delete(oldest)
      break
    }
  }
}
