/**
 * GET of a manifest by tag by somebody who has logged in, beside the same without a login: what it costs to know
 * who asks. Both are measured in each round, one after the other on the same folder.
 */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Metric, Scale } from '../metric.ts'
import { manifestPath } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'
import type { Server } from '../server.ts'
import type { Subject } from '../subject.ts'
import { CONNECTIONS, load } from '../wrk.ts'

const REPOSITORY = 'bench/manifest-login'
const TAG = 'latest'
const LAYERS = 5
const CREDENTIALS = 'alice:secret'
const UNAUTHORIZED = 401
/** What `htpasswd -B` takes. */
const BCRYPT_COST = 5

export const manifestLoginMetric: Metric = {
  name: 'manifest-login',
  title: () => `GET manifest by tag with a login from an htpasswd file, ${CONNECTIONS} connections`,
  figures: [
    { name: 'perCpuSecond', title: 'requests per CPU second', better: 'more' },
    { name: 'share', title: 'of the requests per CPU second without a login', better: 'more' },
  ],
  needs: ['wrk'],
  async prepare(subject, { scale }) {
    const environment = await writePasswords(subject)
    await publish(subject)
    return async () => {
      const open = await rate(subject, scale, {}, {})
      const guarded = await rate(subject, scale, environment, {
        Authorization: `Basic ${btoa(CREDENTIALS)}`,
      })
      return { perCpuSecond: guarded, share: guarded / open }
    }
  },
}

/** Gives the variables that make a registry ask for a login: all that take part know the same ones. */
async function writePasswords(subject: Subject): Promise<Record<string, string>> {
  const file = join(dirname(subject.data), 'htpasswd')
  const [user = '', password = ''] = CREDENTIALS.split(':')
  const hash = await Bun.password.hash(password, { algorithm: 'bcrypt', cost: BCRYPT_COST })
  writeFileSync(file, `${user}:${hash}\n`)
  return {
    REGISTRY_AUTH: 'htpasswd',
    REGISTRY_AUTH_HTPASSWD_REALM: 'bench',
    REGISTRY_AUTH_HTPASSWD_PATH: file,
  }
}

async function publish(subject: Subject): Promise<void> {
  await using server = await subject.start()
  await subject.publishImage(server, REPOSITORY, TAG, sampleImage('manifest-login', LAYERS))
}

/** Requests per CPU second. The server is warm when the measurement begins. */
async function rate(
  subject: Subject,
  scale: Scale,
  environment: Record<string, string>,
  headers: Record<string, string>,
): Promise<number> {
  await using server = await subject.start(environment, { ready: '/' })
  const url = `http://127.0.0.1:${server.port}${manifestPath(REPOSITORY, TAG)}`
  await requireAnswer(server, url, environment)
  if (scale.warmsUp) await load(server, url, scale.wrkSeconds, headers)
  const { requests, cpuSeconds } = await load(server, url, scale.wrkSeconds, headers)
  return requests / cpuSeconds
}

/** A server that has not heeded the variables would be measured without a login. */
async function requireAnswer(server: Server, url: string, environment: object): Promise<void> {
  const { status } = await fetch(url)
  const isGuarded = Object.keys(environment).length > 0
  if ((status === UNAUTHORIZED) !== isGuarded)
    throw new Error(`Without a login the server on port ${server.port} answers ${status}.`)
}
