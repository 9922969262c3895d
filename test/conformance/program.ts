/**
 * Runs the OCI conformance program against a registry and reads its results. The program ends with 0 on a
 * configuration it does not understand, and writes nothing then; so its folder is fresh for every run, and
 * what counts is the report in it.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tryCommand } from '../tools/command.ts'

export type SpecificationVersion = 'dev' | '1.1' | '1.0'

export interface ConformanceRun {
  /** `127.0.0.1:<port>` */
  readonly host: string
  readonly version: SpecificationVersion
  /** Manifests whose blobs or children were never pushed, which the registry must allow. */
  readonly sparse: boolean
  /** A folder that does not exist yet. */
  readonly results: string
  /** Who logs in; nobody unless given. */
  readonly login?: { readonly user: string; readonly password: string }
}

export interface ConformanceResult {
  readonly passed: number
  readonly failed: number
  readonly errors: number
  readonly skipped: number
  readonly disabled: number
  /** What the program says about each test that neither passed nor was disabled. */
  readonly complaints: readonly string[]
  /** Names of the tests that the suite itself turned off for this version. */
  readonly disabledTests: readonly string[]
}

interface TestCase {
  readonly name: string
  readonly status: string
  /** What went wrong. */
  readonly out: string
  /** The requests that were made, or why the test did not run. */
  readonly log: string
}

/** Every kind of test and data on, whatever the program's defaults are for a version. */
const EVERYTHING = {
  OCI_TLS: 'disabled',
  OCI_API_PING: 'true',
  OCI_API_PULL: 'true',
  OCI_API_PUSH: 'true',
  OCI_API_BLOBS_ATOMIC: 'true',
  OCI_API_BLOBS_DELETE: 'true',
  OCI_API_MANIFESTS_ATOMIC: 'true',
  OCI_API_MANIFESTS_DELETE: 'true',
  OCI_API_TAGS_ATOMIC: 'true',
  OCI_API_TAGS_DELETE: 'true',
  OCI_API_TAGS_LIST: 'true',
  OCI_DATA_IMAGE: 'true',
  OCI_DATA_INDEX: 'true',
  OCI_DATA_INDEX_LIST: 'true',
  OCI_DATA_ARTIFACT: 'true',
  OCI_DATA_SUBJECT: 'true',
  OCI_DATA_SUBJECT_MISSING: 'true',
  OCI_DATA_ARTIFACT_LIST: 'true',
  OCI_DATA_SUBJECT_LIST: 'true',
  OCI_DATA_DATA_FIELD: 'true',
  OCI_DATA_NONDISTRIBUTABLE: 'true',
  OCI_DATA_CUSTOM_FIELDS: 'true',
  OCI_DATA_NO_LAYERS: 'true',
  OCI_DATA_EMPTY_BLOB: 'true',
  OCI_DATA_SHA512: 'true',
}

function environmentOf(run: ConformanceRun): Record<string, string> {
  const repository = `conformance/v${run.version}`
  return {
    ...EVERYTHING,
    OCI_REGISTRY: run.host,
    OCI_VERSION: run.version,
    OCI_REPO1: `${repository}/one`,
    OCI_REPO2: `${repository}/two`,
    OCI_DATA_SPARSE: String(run.sparse),
    OCI_RESULTS_DIR: run.results,
    ...(run.login === undefined ? {} : { OCI_USERNAME: run.login.user, OCI_PASSWORD: run.login.password }),
  }
}

function decode(text: string): string {
  return text
    .replace(/&#(x?)([0-9A-Fa-f]+);/g, (_, hex: string, digits: string) =>
      String.fromCodePoint(Number.parseInt(digits, hex === '' ? 10 : 16)),
    )
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function inner(element: string, name: string): string {
  return decode(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(element)?.[1] ?? '')
}

function testCases(report: string): TestCase[] {
  return [
    ...report.matchAll(/<testcase name="([^"]*)"[^>]*? status="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g),
  ].map(([, name = '', status = '', body = '']) => ({
    name: decode(name),
    status,
    out: inner(body, 'system-out'),
    log: inner(body, 'system-err'),
  }))
}

function count(report: string, name: string): number {
  const totals = /<testsuites\b[^>]*>/.exec(report)?.[0] ?? ''
  return Number(new RegExp(` ${name}="(\\d+)"`).exec(totals)?.[1] ?? 0)
}

/** Reads the program's `junit.xml`. */
function readReport(report: string): ConformanceResult {
  const [failed, errors] = [count(report, 'failures'), count(report, 'errors')]
  const [skipped, disabled] = [count(report, 'skipped'), count(report, 'disabled')]
  const cases = testCases(report)
  const isDisabled = ({ log }: TestCase) => log.includes('is disabled in the configuration')
  const others = cases.filter((each) => each.status !== 'passed')
  return {
    passed: count(report, 'tests') - failed - errors - skipped - disabled,
    failed,
    errors,
    skipped,
    disabled,
    complaints: others
      .filter((each) => !isDisabled(each))
      .map(({ name, status, out, log }) => `${status}: ${name}\n${out}\n${log}`),
    disabledTests: others.filter(isDisabled).map(({ name }) => name),
  }
}

/** Runs the program once. Throws with everything it printed when it wrote no report. */
export async function runConformance(program: string, run: ConformanceRun): Promise<ConformanceResult> {
  mkdirSync(run.results)
  const printed = await tryCommand(program, [], { cwd: run.results, env: environmentOf(run) })
  try {
    return readReport(readFileSync(join(run.results, 'junit.xml'), 'utf8'))
  } catch (error) {
    throw new Error(
      `The conformance program wrote no report.\n${printed.stdout}\n${printed.stderr}\n${error}`,
    )
  }
}
