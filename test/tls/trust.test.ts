/**
 * Real clients, on a machine of their own, come to trust Berth by what its start prints, word for word: Docker, Podman,
 * containerd and curl with the local authority, Docker without TLS, and Docker with a certificate of its own.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { FROM_SOURCE } from '../berth-server.ts'
import { makeSelfSigned, makeSigned } from '../certificate-files.ts'
import { MACHINE_TOOLS, type Machine, startMachine } from '../machine/machine.ts'
import { command } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(120_000)

const HOST = '192.168.11.15'
const TOOLS = [...MACHINE_TOOLS, 'ctr', 'podman', 'openssl', 'curl'] as const

describeWith('clients that are told to trust', TOOLS, ({ podman, openssl }) => {
  let machine: Machine
  const servers: Bun.Subprocess[] = []

  beforeAll(async () => {
    machine = await startMachine({ addresses: [`${HOST}/32`] })
    await sh('mkdir -p /srv/it && echo hello > /srv/it/hello && tar -C /srv/it -c hello | docker import - it')
  })
  afterAll(async () => {
    for (const server of servers) server.kill('SIGKILL')
    await machine?.[Symbol.asyncDispose]()
  })

  /** Runs a line as the person would, who is root here. */
  function sh(line: string): Promise<string> {
    return machine.run('sh', '-ec', line.replaceAll('sudo ', ''))
  }

  async function failure(line: string): Promise<string> {
    const { exitCode, stdout, stderr } = await machine.attempt(['sh', '-c', line])
    expect([line, exitCode]).not.toEqual([line, 0])
    return `${stdout}${stderr}`
  }

  /** Starts Berth on the machine and waits until it listens; gives what it says. */
  async function serve(port: number, args: readonly string[], env: Record<string, string> = {}) {
    const log = `/srv/log-${port}`
    const given = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const place = ['--addr', `${HOST}:${port}`, '--data', `/srv/data-${port}`]
    const line = [...given, ...FROM_SOURCE, 'serve', ...place, ...args, '>', log, '2>&1'].join(' ')
    servers.push(Bun.spawn(machine.command(['sh', '-c', `exec env ${line}`]), { env: machine.environment }))
    const read = async () => (await machine.attempt(['cat', log])).stdout
    await until('Berth says what clients must do', async () =>
      /listening on .*\n(.*\n)*.*open to every/.test(await read()),
    )
    await until('it has said all', async () =>
      /must trust|insecure-registries|fingerprint:|, tls/.test(await read()),
    )
    return read
  }

  function said(log: string, pattern: RegExp): string {
    const found = pattern.exec(log)?.[1]
    if (found === undefined) throw new Error(`Nothing in the log is like ${pattern}:\n${log}`)
    return found.replace(/\\(["\\])/g, '$1')
  }

  test('a local authority: curl by its certificate, Docker, Podman and containerd by the printed commands', async () => {
    const name = `${HOST}:5000/team/it:1`
    const read = await serve(5000, ['--tls', 'auto'])
    await until('the last command is printed', async () => (await read()).includes('compare its fingerprint'))
    const log = await read()
    const fetched = await sh(`cd /srv && ${said(log, /compare its fingerprint: ([^"]*)"/)}`)
    expect(fetched.trim().endsWith(said(log, /fingerprint="?([0-9A-F:]+)/))).toBe(true)
    expect(await sh(`curl -sS --cacert /srv/ca.crt https://${HOST}:5000/v2/`)).toBe('{}')
    await sh(`docker tag it ${name}`)
    expect(await failure(`docker push ${name}`)).toContain('certificate')
    await sh(said(log, /to make Docker trust it: ([^"]*)"/))
    await sh(`docker push ${name} && docker rmi ${name} && docker pull ${name}`)
    // Podman would look there too.
    await sh('rm -r /etc/docker/certs.d')
    const pull = `${podman} --root /srv/podman --runroot /srv/podman-run --storage-driver vfs pull -q ${name}`
    expect(await failure(pull)).toContain('certificate')
    await sh(said(log, /to make Podman trust it: ([^"]*)"/))
    await sh(pull)
    const fetchIt = `ctr --address /run/docker/containerd/containerd.sock content fetch --hosts-dir /etc/containerd/certs.d ${name}`
    expect(await failure(fetchIt)).toContain('certificate')
    await sh(said(log, /to make containerd trust it: ([^"]*)"/))
    await sh(fetchIt)
  })

  test('no TLS: Docker answers as the start has said, until it is told of the registry as printed', async () => {
    const name = `${HOST}:5001/it`
    const log = await (await serve(5001, []))()
    const sentence = 'server gave HTTP response to HTTPS client'
    expect(log).toContain(sentence)
    await sh(`docker tag it ${name}`)
    expect(await failure(`docker push ${name}`)).toContain(sentence)
    const setting = said(log, /Write (\\"insecure-registries\\": \[[^\]]*\])/)
    await sh(`printf '%s' '{ ${setting} }' > /etc/docker/daemon.json && kill -HUP $(cat /run/docker.pid)`)
    await until('Docker has read it', async () => (await sh('docker info')).includes(`${HOST}:5001`))
    await sh(`docker push ${name} && docker rmi ${name} && docker pull ${name}`)
  })

  test('required certificates of clients: Docker shows the one in its folder, and nobody gets in without', async () => {
    const name = `${HOST}:5002/it`
    const own = (await command('mktemp', ['-d'])).trim()
    const served = await makeSelfSigned(openssl, own, { name: 'served', subjectAltName: `IP:${HOST}` })
    const authority = await makeSelfSigned(openssl, own, { name: 'authority', subjectAltName: '' })
    const client = await makeSigned(openssl, own, authority, { name: 'client' })
    await serve(5002, [], {
      REGISTRY_HTTP_TLS_CERTIFICATE: served.certificate,
      REGISTRY_HTTP_TLS_KEY: served.key,
      REGISTRY_HTTP_TLS_CLIENTCAS: authority.certificate,
    })
    const certs = `/etc/docker/certs.d/${HOST}:5002`
    await sh(`docker tag it ${name} && install -D ${served.certificate} ${certs}/ca.crt`)
    await failure(`docker push ${name}`)
    await sh(`cp ${client.certificate} ${certs}/client.cert && cp ${client.key} ${certs}/client.key`)
    await sh(`docker push ${name} && docker rmi ${name} && docker pull ${name}`)
    await command('rm', ['-r', own])
  })
})
