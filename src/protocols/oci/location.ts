/** The addresses that this protocol hands out. Paths only, unless the operator has set `http.host`. */
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { UploadId } from '../../oci/upload-id.ts'
import type { OciOptions } from './route.ts'

export function blobLocation(options: OciOptions, repository: RepositoryName, digest: Digest): string {
  return `${options.locationBase}/v2/${repository}/blobs/${digest}`
}

export function manifestLocation(options: OciOptions, repository: RepositoryName, digest: Digest): string {
  return `${options.locationBase}/v2/${repository}/manifests/${digest}`
}

export function uploadLocation(options: OciOptions, repository: RepositoryName, id: UploadId): string {
  return `${options.locationBase}/v2/${repository}/blobs/uploads/${id}`
}
