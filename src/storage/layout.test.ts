import { describe, expect, test } from 'bun:test'
import { parseDigest } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { parseUploadId } from '../oci/upload-id.ts'
import {
  blobDataPath,
  layerLinkPath,
  revisionLinkPath,
  tagFolder,
  tagIndexLinkPath,
  tagLinkPath,
  uploadPath,
} from './layout.ts'

const HEX = 'ab'.repeat(32)
const LONG_HEX = 'cd'.repeat(64)
const NAME = parseRepositoryName('team/app')
const TAG = parseTag('1.2')
const DIGEST = parseDigest(`sha256:${HEX}`)
const REPOSITORY = 'docker/registry/v2/repositories/team/app'

describe('the tree is distribution’s', () => {
  test('a blob lies under its algorithm and the first two digits of its hash', () => {
    expect(blobDataPath(DIGEST)).toBe(`docker/registry/v2/blobs/sha256/ab/${HEX}/data`)
  })

  test('sha512 has folders of its own', () => {
    const digest = parseDigest(`sha512:${LONG_HEX}`)
    expect(blobDataPath(digest)).toBe(`docker/registry/v2/blobs/sha512/cd/${LONG_HEX}/data`)
    expect(layerLinkPath(NAME, digest)).toBe(`${REPOSITORY}/_layers/sha512/${LONG_HEX}/link`)
  })

  test('links lie in the repository', () => {
    expect(layerLinkPath(NAME, DIGEST)).toBe(`${REPOSITORY}/_layers/sha256/${HEX}/link`)
    expect(revisionLinkPath(NAME, DIGEST)).toBe(`${REPOSITORY}/_manifests/revisions/sha256/${HEX}/link`)
  })

  test('a tag has one folder with what it names and what it named', () => {
    expect(tagFolder(NAME, TAG)).toBe(`${REPOSITORY}/_manifests/tags/1.2`)
    expect(tagLinkPath(NAME, TAG)).toBe(`${REPOSITORY}/_manifests/tags/1.2/current/link`)
    expect(tagIndexLinkPath(NAME, TAG, DIGEST)).toBe(
      `${REPOSITORY}/_manifests/tags/1.2/index/sha256/${HEX}/link`,
    )
  })

  test('uploads lie in Berth’s own folder', () => {
    const id = '3f2a1b4c-0d5e-4f60-8a7b-9c8d7e6f5a4b'
    expect(uploadPath(parseUploadId(id))).toBe(`berth/uploads/${id}`)
  })
})
