/**
 * Compares storage and metadata in both directions, a page at a time: whoever asks carries the place where the next page
 * begins. So a registry of any size is looked at in little memory, a server that does so serves on, and one that stops
 * meanwhile loses nothing. Without `repair` nothing is changed.
 */
import { findTreeState, type TreeState } from '../tree/tree-pass.ts'
import { lookAtBlobs } from './blobs.ts'
import { lookAtCounters } from './counters.ts'
import type { VerifyCounts } from './counts.ts'
import { finding, type VerifyFinding } from './finding.ts'
import { lookAtLinks } from './links.ts'
import { BEGIN, Look, type Position, type VerifyOptions, type VerifyPlace } from './look.ts'
import { lookAtManifests } from './manifests.ts'
import { lookAtPayloads } from './payloads.ts'
import { lookAtCondemned, lookAtDamage, lookAtQuarantine } from './quarantine.ts'
import { lookAtStrays } from './strays.ts'
import { lookAtTree } from './tree.ts'
import { lookAtUploadFiles, lookAtUploads } from './uploads.ts'

/** What is gone through, one after another: where it goes on, or null at its end. */
const STEPS = {
  condemned: lookAtCondemned,
  blobs: lookAtBlobs,
  payloads: lookAtPayloads,
  'tree state': lookAtTreeState,
  manifests: lookAtManifests,
  links: lookAtLinks,
  tree: lookAtTree,
  strays: lookAtStrays,
  uploads: lookAtUploads,
  'upload files': lookAtUploadFiles,
  damage: lookAtDamage,
  quarantine: lookAtQuarantine,
  counters: lookAtCounters,
} as const satisfies Readonly<Record<string, (look: Look, from: Position) => Promise<Position | null>>>

export type VerifyStep = keyof typeof STEPS

export const VERIFY_STEPS = Object.keys(STEPS) as VerifyStep[]

/** Where the next page begins. Plain data, for it is handed out and comes back. */
export interface VerifyCursor extends Position {
  /** Names whoever asks, for what is under way. */
  readonly run: string
  readonly step: VerifyStep
}

export interface VerifyPage {
  readonly findings: readonly VerifyFinding[]
  /** How much this page has looked at. */
  readonly checked: VerifyCounts
  /** Null after the last page. */
  readonly next: VerifyCursor | null
}

const PAGE_MILLISECONDS = 500

/** Throws DatabaseUnavailable, and StorageUnavailable where not even the folders can be listed. */
export async function verifyPage(
  place: VerifyPlace,
  options: VerifyOptions,
  cursor: VerifyCursor | null,
): Promise<VerifyPage> {
  let next: VerifyCursor | null = cursor ?? { ...BEGIN, run: crypto.randomUUID(), step: 'condemned' }
  const look = new Look(place, options, { run: next.run, milliseconds: PAGE_MILLISECONDS })
  do {
    next = await onePart(look, next)
  } while (next !== null && !look.isOver)
  return { findings: look.findings, checked: look.counts, next }
}

async function onePart(look: Look, cursor: VerifyCursor): Promise<VerifyCursor | null> {
  const { run, step, ...from } = cursor
  const isSkipped = OF_KNOWN_TREE.has(step) && (await treeStateOf(look)) !== 'known'
  const next = isSkipped ? null : await look.at(step, () => STEPS[step](look, from), null)
  if (next !== null) return { run, step, ...next }
  const following = VERIFY_STEPS[VERIFY_STEPS.indexOf(step) + 1]
  return following === undefined ? null : { run, step: following, ...BEGIN }
}

/** What tells nothing where the database does not know the whole tree. */
const OF_KNOWN_TREE: ReadonlySet<VerifyStep> = new Set(['manifests', 'links', 'tree', 'strays'])

async function treeStateOf({ registry: { tree, database } }: Look): Promise<TreeState> {
  return tree === null ? 'known' : await findTreeState(database, tree.start)
}

async function lookAtTreeState(look: Look): Promise<null> {
  const state = await treeStateOf(look)
  if (state !== 'known') look.tell(finding('tree not known', TREE_SENTENCES[state]))
  return null
}

const TREE_SENTENCES = {
  unknown:
    'The folder is still being gone through after the start, so its images and links were not compared. The log says how far it is; ask again when it has finished.',
  'partly known':
    'A repository in the folder could not be read; the log of the server names it, and no images and links were compared. Make its files readable, start Berth again, and ask again.',
} as const
