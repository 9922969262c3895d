/** The operator's switch for deletes, asked by every route that deletes. */
import { RegistryError } from '../../oci/errors.ts'
import type { OciOptions } from './route.ts'

/** Throws UNSUPPORTED where `storage.delete.enabled` is false. */
export function requireDeletes(options: OciOptions): void {
  if (options.deleteEnabled) return
  throw new RegistryError(
    'UNSUPPORTED',
    'Deleting is switched off on this registry. Its operator can allow it with storage.delete.enabled: true.',
  )
}
