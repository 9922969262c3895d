/**
 * `POST /api/v1/verify`: storage compared with metadata, a page at a time. Whoever asks begins without a cursor, and sends
 * back what each answer has under `next`, until that is null. And what `berth verify --format json` prints: a line for
 * each finding, and a last one with the report.
 */
import { z } from 'zod'

const count = z.number().int().nonnegative()
const digest = z.string().regex(/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/)

const cursor = z.strictObject({
  run: z.string().max(100),
  step: z.string().max(100),
  repository: count,
  part: z.string().max(200),
  after: z.string().max(1000),
})

/** Less would make a page of one chunk last for long. */
const SLOWEST = 100 * 1024

export const verifyRequest = z.strictObject({
  /** Whether every blob is hashed, instead of asked for its size. */
  deep: z.boolean().default(false),
  /** Whether what can be mended is. */
  repair: z.boolean().default(false),
  /** How much is hashed in a second. */
  bytesPerSecond: z.number().int().min(SLOWEST),
  cursor: cursor.nullable().default(null),
})

const image = z.strictObject({
  repository: z.string(),
  manifest: digest,
  tags: z.array(z.string()),
  /** It was deleted, and can still be restored. */
  inTrash: z.boolean(),
})

export const verifyFinding = z.strictObject({
  /** What it is: docs/operate/verify.md lists them. */
  kind: z.string(),
  /** `damage` breaks something, `unreadable` could not be looked at, a `note` is nobody's loss. */
  severity: z.enum(['damage', 'unreadable', 'note']),
  message: z.string(),
  digest: digest.nullable(),
  repository: z.string().nullable(),
  tag: z.string().nullable(),
  /** Under the data folder. */
  path: z.string().nullable(),
  /** What cannot be pulled whole because of it. */
  images: z.array(image),
  moreImages: count,
  /** What was done about it. */
  repair: z.string().nullable(),
  /** Whether it is well again. */
  isMended: z.boolean(),
})

const checked = z.strictObject({
  blobs: count,
  hashedBytes: count,
  manifests: count,
  links: count,
  storedDigests: count,
  uploads: count,
})

export const verifyPage = z.strictObject({
  findings: z.array(verifyFinding),
  checked,
  next: cursor.nullable(),
})

/** The last line. */
export const verifyReport = z.strictObject({
  outcome: z.enum(['well', 'damaged', 'not looked at']),
  deep: z.boolean(),
  repair: z.boolean(),
  /** RFC 3339. */
  startedAt: z.string(),
  endedAt: z.string(),
  checked,
  /** Findings by what became of them. */
  damaged: count,
  mended: count,
  unreadable: count,
  notes: count,
})

/** One line of `berth verify --format json`. */
export const verifyLine = z.union([
  z.strictObject({ finding: verifyFinding }),
  z.strictObject({ report: verifyReport }),
])

export type VerifyReport = z.infer<typeof verifyReport>
