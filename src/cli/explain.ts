/** `berth explain DIGEST`, and `berth gc explain DIGEST`: why a blob is still here, or where it went. */
import type { Command } from 'commander'
import { isDigest } from '../oci/digest.ts'
import type { Explanation } from '../registry/gc/explain.ts'
import { listed } from '../registry/gc/explanation.ts'
import { formatBytes, formatWhen } from './amounts.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

type ExplainFlags = ServerFlags & OutputFlags

/** `name` is what it is called by: `explain`, or under `gc` too. */
export function explainCommand(terminal: Terminal, name = 'explain'): Command {
  const called = `${programName()} ${name}`
  const command = commandWithExamples('explain', 'tell why a blob is still here, or where it went', [
    { command: `${called} sha256:…`, effect: 'who needs it, and when it goes at the earliest' },
    { command: `${called} --format json sha256:…`, effect: 'all that is known of it, for programs' },
  ]).argument('<digest>', 'of a layer, a config, a manifest: sha256:…')
  return withOutputFormat(withServerArguments(command)).action(
    (digest: string, file: string | undefined, flags: ExplainFlags) =>
      explain(terminal, { digest, file, flags }),
  )
}

async function explain(
  terminal: Terminal,
  { digest, file, flags }: { digest: string; file: string | undefined; flags: ExplainFlags },
): Promise<void> {
  if (!isDigest(digest)) {
    throw new Failure(EXIT.USAGE, `"${digest}" is no digest: write it as sha256:… with all its 64 digits.`)
  }
  const { config } = await loadServerConfig(terminal, file, flags)
  await using owner = await openOwnerClient(terminal, config, { deletes: false })
  const found = (await owner.ask('GET', `/api/v1/blobs/${digest}`)) as Explanation
  printResult(terminal, flags, found, () => describeExplanation(found, Date.now()))
}

/** In lines for people. `now` in milliseconds since 1970. */
export function describeExplanation(found: Explanation, now: number): string[] {
  const { digest, blob, payload, file, links, uploads, review, goesAt, why } = found
  const size = blob?.size ?? payload?.size ?? file?.size
  const repositories = links.items.map(({ repository }) => repository ?? 'a repository that is gone')
  const closing = uploads.items.map(({ id, repository }) => `${id} to ${repository ?? 'nowhere'}`)
  const details = [
    ...(goesAt === null ? [] : [`Off the disk at the earliest: ${formatWhen(goesAt, now)}`]),
    ...(blob === null ? [] : describeBlob(blob, now)),
    ...(review === null ? [] : [`Looked at next: ${formatWhen(review.dueAt, now)} (${review.reason})`]),
    ...(closing.length === 0
      ? []
      : [`Uploads that make it: ${listed({ items: closing, more: uploads.more })}`]),
    ...(repositories.length === 0
      ? []
      : [`May be read through: ${listed({ items: repositories, more: links.more })}`]),
  ]
  const title = `${digest}${size === undefined ? '' : `, ${formatBytes(size)}`}`
  return [title, ...why, ...(details.length === 0 ? [] : ['', ...details])]
}

function describeBlob(blob: NonNullable<Explanation['blob']>, now: number): string[] {
  const { state, epoch, leaseUntil, unreferencedSince, createdAt } = blob
  return [
    `State: ${state}, epoch ${epoch}, stored ${formatWhen(createdAt, now)}`,
    `Lease: ${leaseUntil < now ? 'over' : `ends ${formatWhen(leaseUntil, now)}`}`,
    ...(unreferencedSince === null
      ? []
      : [`Its last reference went, or it came without one: ${formatWhen(unreferencedSince, now)}`]),
  ]
}
