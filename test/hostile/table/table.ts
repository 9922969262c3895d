/** Every hostile request, by theme. */
import type { Theme } from '../row.ts'
import { descriptors } from './descriptors.ts'
import { digests } from './digests.ts'
import { framing } from './framing.ts'
import { headers } from './headers.ts'
import { json } from './json.ts'
import { manifests } from './manifests.ts'
import { names } from './names.ts'
import { paths } from './paths.ts'
import { queries } from './queries.ts'
import { ranges } from './ranges.ts'
import { requestLines } from './request-lines.ts'
import { uploadAddresses } from './upload-addresses.ts'
import { uploads } from './uploads.ts'

export const table: readonly Theme[] = [
  paths,
  names,
  digests,
  queries,
  requestLines,
  framing,
  headers,
  ranges,
  ...uploads,
  ...uploadAddresses,
  manifests,
  descriptors,
  json,
]
