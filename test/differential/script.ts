/**
 * The small language of the scripts in `script/`: one request a line, in the order in which they are sent.
 *
 *     == Blobs in chunks                                    a heading, for messages
 *     POST /v2/a/app/blobs/uploads/ => chunks               keeps the Location of the answer under a name
 *     PATCH @chunks [Content-Range: 0-4] < hello            sends the content "hello" (contents.ts) there
 *     PUT @chunks?digest={hello}                            {hello} is the digest of that content
 *     PUT @chunks?digest={hello} ? the upload has ended     what is special: a condition of differences.md
 *     PATCH @chunks < chunked hello                         without a Content-Length, in two chunks
 *     GET debug:/debug/health                               asks the debug server
 *     GET /v2/ [Authorization: Bearer {token:pull}]         a token of tokens.ts
 *     # a remark
 *
 * After the target come, in any order, headers in brackets, `< content`, `=> name`; a condition comes last.
 */

export interface ScriptedRequest {
  /** `uploads.txt:12`, for messages. */
  readonly place: string
  readonly method: string
  /** A path with its query, behind `debug:` for the debug server; or `@name` and what follows a kept Location. */
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: { readonly content: string; readonly isChunked: boolean } | null
  /** The name under which the answer's Location is kept, or null. */
  readonly keep: string | null
  /** What is special about it, in the words of differences.md; '' for nothing. */
  readonly when: string
}

const PART =
  /\s*(?:\[(?<name>[^:\]]+):\s*(?<value>[^\]]*)\]|<\s*(?<chunked>chunked\s+)?(?<content>\S+)|=>\s*(?<keep>\S+)|\?\s+(?<when>.+))/y

/** Throws for a line that is none of the above. */
export function parseScript(file: string, text: string): ScriptedRequest[] {
  return text.split('\n').flatMap((line, index) => {
    const isRequest = line.trim() !== '' && !/^(#|==)/.test(line)
    return isRequest ? [parseLine(line.trimEnd(), `${file}:${index + 1}`)] : []
  })
}

function parseLine(line: string, place: string): ScriptedRequest {
  const [start = '', method, target] = /^([A-Z]+) (\S+)/.exec(line) ?? []
  if (method === undefined || target === undefined) throw new Error(`${place} is no request: ${line}`)
  const parts = [...partsOf(line, start.length, place)]
  const content = parts.find((part) => part['content'] !== undefined)
  return {
    place,
    method,
    target,
    headers: parts.flatMap(({ name, value }) => (name === undefined ? [] : ([[name, value ?? '']] as const))),
    body:
      content === undefined
        ? null
        : { content: content['content'] ?? '', isChunked: content['chunked'] !== undefined },
    keep: parts.find((part) => part['keep'] !== undefined)?.['keep'] ?? null,
    when: parts.find((part) => part['when'] !== undefined)?.['when'] ?? '',
  }
}

function* partsOf(line: string, from: number, place: string): Generator<Record<string, string | undefined>> {
  PART.lastIndex = from
  while (PART.lastIndex < line.length) {
    const at = PART.lastIndex
    const groups = PART.exec(line)?.groups
    if (groups === undefined) throw new Error(`${place} cannot be read from here on: ${line.slice(at)}`)
    yield groups
  }
}
