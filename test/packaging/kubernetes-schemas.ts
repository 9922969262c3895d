/** Kubernetes' own schemas, as a Python package carries them, in the form in which kubeconform reads them. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toolCache } from '../tools/catalog.ts'
import { command } from '../tools/command.ts'

const PACKAGE =
  'kubernetes-validate==1.37.0 --hash=sha256:85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9\n'
const FOLDER = 'kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict'

/** Fetches them once. Gives what kubeconform takes as `-schema-location`. */
export async function bringKubernetesSchemas(pip: string): Promise<string> {
  const schemas = join(toolCache(), 'kubernetes-schemas-1.37.0')
  if (!existsSync(schemas)) await fetchSchemas(pip, schemas)
  return `${schemas}/{{.ResourceKind}}{{.KindSuffix}}.json`
}

async function fetchSchemas(pip: string, schemas: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-schemas-'))
  try {
    writeFileSync(join(folder, 'requirements'), PACKAGE)
    const place = ['--dest', folder, '-r', join(folder, 'requirements')]
    await command(pip, ['download', '--quiet', '--no-deps', '--require-hashes', ...place])
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl')) ?? ''
    const script = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])'
    await command('python3', ['-c', script, join(folder, wheel), folder])
    refer(join(folder, FOLDER), `file://${schemas}/_definitions.json`)
    mkdirSync(toolCache(), { recursive: true })
    await command('mv', [join(folder, FOLDER), `${schemas}.${process.pid}`])
    if (!existsSync(schemas)) renameSync(`${schemas}.${process.pid}`, schemas)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** They refer to their common definitions by a path of the package's own. */
function refer(folder: string, definitions: string): void {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'utf8')
    writeFileSync(join(folder, name), text.replaceAll('/api/_definitions.json', definitions))
  }
}
