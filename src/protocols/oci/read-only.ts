/** The operator's switch for reading only: then no address takes a method that could change anything. */
import { RegistryError } from '../../oci/errors.ts'
import type { OciOptions } from './route.ts'

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Throws UNSUPPORTED for a method that is not safe (RFC 9110 §9.2.1) where `storage.maintenance.readonly` is on. */
export function requireWritable({ isReadOnly }: OciOptions, method: string): void {
  if (!isReadOnly || SAFE.has(method)) return
  throw new RegistryError(
    'UNSUPPORTED',
    'This registry is read-only now: images can be pulled, and nothing pushed or deleted. Its operator can end that with storage.maintenance.readonly.enabled: false.',
  )
}

/** Those of an address's methods that it takes now. Where none is left, it still says so to OPTIONS. */
export function methodsNow({ isReadOnly }: OciOptions, methods: readonly string[]): readonly string[] {
  if (!isReadOnly) return methods
  const left = methods.filter((method) => SAFE.has(method))
  return left.length === 0 ? ['OPTIONS'] : left
}
