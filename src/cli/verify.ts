/**
 * `berth verify`: compares what is stored with what the database knows, asked of the server that runs or done here where
 * none does. What is damaged is told as it is found, with every image that it breaks; then comes a report.
 * The exit code is 0 where all is well (or was mended), 6 where something is damaged, and 5 where something could not be
 * looked at.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { VerifyReport } from '../contract/verify.ts'
import { parseByteAmount } from '../lib/byte-amount.ts'
import { addCounts, NO_COUNTS } from '../registry/verify/counts.ts'
import type { VerifyFinding } from '../registry/verify/finding.ts'
import type { VerifyCursor, VerifyPage } from '../registry/verify/verify.ts'
import { formatBytes } from './amounts.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, withOutputFormat } from './output.ts'
import { type OwnerClient, openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'
import { describeFinding, describeProgress, describeReport } from './verify-report.ts'

interface VerifyFlags extends ServerFlags, OutputFlags {
  readonly deep?: boolean
  readonly repair?: boolean
  readonly notes?: boolean
  /** Bytes a second. */
  readonly rate: number
}

/** Leaves most of a disk, and of a processor, to those who push and pull. */
const USUAL_RATE = '64MB'
const SLOWEST = 100 * 1024

export function verifyCommand(terminal: Terminal): Command {
  const program = programName()
  return withOutputFormat(
    withServerArguments(
      commandWithExamples('verify', 'compare what is stored with what the database knows', [
        { command: `${program} verify`, effect: 'what is missing, torn or of the wrong size' },
        { command: `${program} verify --deep --rate 200MB`, effect: 'hash every blob too, 200 MB a second' },
        { command: `${program} verify --deep --repair`, effect: 'and mend what can be mended' },
        {
          command: `${program} verify --format json config.yml`,
          effect: 'one line of JSON for each finding',
        },
      ]),
    ),
  )
    .option('--deep', 'hash every blob, instead of asking for its size')
    .option('--repair', 'write again what the database knows, and set damaged bytes aside')
    .addOption(
      new Option('--rate <bytes>', 'how much is hashed in a second')
        .argParser(parseRate)
        .default(parseRate(USUAL_RATE), USUAL_RATE),
    )
    .option('--notes', 'tell what is worth knowing and nobody’s loss, one by one')
    .action((file: string | undefined, flags: VerifyFlags) => verify(terminal, file, flags))
}

function parseRate(text: string): number {
  const bytes = parseByteAmount(text)
  if (bytes !== null && bytes >= SLOWEST) return bytes
  throw new InvalidArgumentError('Write an amount of bytes such as 64MB, at least 100K.')
}

async function verify(terminal: Terminal, file: string | undefined, flags: VerifyFlags): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  const telling = new Telling(terminal, flags)
  await using owner = await openOwnerClient(terminal, config, { deletes: true })
  for await (const page of pagesOf(owner, flags)) telling.tell(page)
  const { outcome } = telling.end()
  if (outcome === 'damaged') throw new Failure(EXIT.DAMAGED, damagedSentence(flags))
  if (outcome === 'not looked at') {
    throw new Failure(EXIT.UNAVAILABLE, 'Not everything could be looked at: see above.')
  }
}

function damagedSentence({ repair = false }: VerifyFlags): string {
  return repair
    ? 'Something is damaged that only a push can repair: see above.'
    : 'Something is damaged: see above. With --repair, what can be mended is, and the rest is set aside for the next push.'
}

async function* pagesOf(owner: OwnerClient, flags: VerifyFlags): AsyncGenerator<VerifyPage> {
  const { deep = false, repair = false, rate: bytesPerSecond } = flags
  for (let cursor: VerifyCursor | null = null; ; ) {
    const request = { deep, repair, bytesPerSecond, cursor }
    const page = (await owner.ask('POST', '/api/v1/verify', request)) as VerifyPage
    yield page
    if (page.next === null) return
    cursor = page.next
  }
}

/** Prints what is found as it comes, and adds it up. */
class Telling {
  readonly #terminal: Terminal
  readonly #flags: VerifyFlags
  readonly #startedAt = new Date()
  readonly #notes = new Map<string, number>()
  #damaged = 0
  #mended = 0
  #unreadable = 0
  #checked = NO_COUNTS

  constructor(terminal: Terminal, flags: VerifyFlags) {
    this.#terminal = terminal
    this.#flags = flags
  }

  tell({ findings, checked, next }: VerifyPage): void {
    this.#checked = addCounts(this.#checked, checked)
    for (const finding of findings) this.#tellOne(finding)
    if (next !== null) this.#terminal.draw?.(describeProgress(next, this.#checked, formatBytes))
  }

  end(): VerifyReport {
    const { deep = false, repair = false, format } = this.#flags
    const report: VerifyReport = {
      outcome: this.#damaged > 0 ? 'damaged' : this.#unreadable > 0 ? 'not looked at' : 'well',
      deep,
      repair,
      startedAt: this.#startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      checked: this.#checked,
      damaged: this.#damaged,
      mended: this.#mended,
      unreadable: this.#unreadable,
      notes: [...this.#notes.values()].reduce((all, each) => all + each, 0),
    }
    this.#terminal.draw?.('')
    const text = `${describeReport(report, this.#notes, formatBytes).join('\n')}\n`
    this.#terminal.print(format === 'json' ? `${JSON.stringify({ report })}\n` : text)
    return report
  }

  #tellOne(finding: VerifyFinding): void {
    const { severity, kind, isMended } = finding
    if (severity === 'note') this.#notes.set(kind, (this.#notes.get(kind) ?? 0) + 1)
    else if (severity === 'unreadable') this.#unreadable++
    else if (isMended) this.#mended++
    else this.#damaged++
    if (this.#flags.format === 'json') this.#terminal.print(`${JSON.stringify({ finding })}\n`)
    else if (severity !== 'note' || this.#flags.notes === true) {
      this.#terminal.draw?.('')
      this.#terminal.print(`${describeFinding(finding).join('\n')}\n`)
    }
  }
}
