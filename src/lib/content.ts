/**
 * What a body can be, wherever it comes from and wherever it goes.
 * A storage driver hands one out, the HTTP layer sends it; neither knows the other.
 */
export type Content = FileContent | BytesContent | StreamContent | RedirectContent

/** `length` bytes of a local file from `offset` on: the kernel sends them. */
export interface FileContent {
  readonly kind: 'file'
  readonly path: string
  readonly offset: number
  readonly length: number
}

/** Bytes already in memory: never more than a manifest. */
export interface BytesContent {
  readonly kind: 'bytes'
  readonly bytes: Uint8Array
}

/** A source that must give exactly `length` bytes; one that ends early is an error for whoever reads it. */
export interface StreamContent {
  readonly kind: 'stream'
  readonly length: number
  open(): AsyncIterable<Uint8Array>
}

/** The bytes lie elsewhere: the client is sent to `location`. */
export interface RedirectContent {
  readonly kind: 'redirect'
  readonly location: string
}

export function bytesContent(bytes: Uint8Array): BytesContent {
  return { kind: 'bytes', bytes }
}

/** Text as UTF-8. */
export function textContent(text: string): BytesContent {
  return bytesContent(new TextEncoder().encode(text))
}

/** Stands for a body whose length alone is told, in the reply to a HEAD. */
export function lengthOnly(length: number): StreamContent {
  return {
    kind: 'stream',
    length,
    open() {
      throw new Error('this content has a length and no bytes: it is for HEAD only')
    },
  }
}
