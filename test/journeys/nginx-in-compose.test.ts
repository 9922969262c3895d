/**
 * The way of a third tutorial: compose starts a registry with passwords, its data in another folder and its port
 * anywhere, and nginx with TLS in a container beside it.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { IMAGE_TOOLS } from '../machine/berth-image.ts'
import { MACHINE_HOME, type Machine, startMachine } from '../machine/machine.ts'
import { openShell, type Shell } from '../machine/shell.ts'
import { describeWith } from '../tools/describe-with.ts'
import { asHere } from './here.ts'
import { bringNginxImage, bringRegistryImage } from './images.ts'
import { makeTrustedCertificate } from './trusted-certificate.ts'

const REGISTRY = `services:
  registry:
    image: registry:latest
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Registry Realm
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/registry.password
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data
    volumes:
      # the file of passwords
      - ./registry/registry.password:/auth/registry.password
      # the folder of data
      - ./registry/data:/data
    ports:
      - 5000
`

const WITH_NGINX = `${REGISTRY}
  nginx:
    image: nginx:latest
    depends_on:
      - registry
    volumes:
      # the configuration
      - ./nginx/nginx.conf:/etc/nginx/nginx.conf
      # the certificates from Let's Encrypt
      - ./nginx/certs:/etc/nginx/certs
    ports:
      - "443:443"
`

const HOST = 'registry.example.com'

const NGINX = `worker_processes auto;

events {
    worker_connections 1024;
}

http {
    upstream registry {
        server registry:5000;
    }

    server {
        server_name ${HOST};
        listen 443 ssl;

        ssl_certificate /etc/nginx/certs/fullchain.pem;
        ssl_certificate_key /etc/nginx/certs/privkey.pem;

        location / {
            # important for big images
            client_max_body_size                1000m;

            proxy_pass                          http://registry;
            proxy_set_header  Host              $http_host;
            proxy_set_header  X-Real-IP         $remote_addr;
            proxy_set_header  X-Forwarded-For   $proxy_add_x_forwarded_for;
            proxy_set_header  X-Forwarded-Proto $scheme;
            proxy_read_timeout                  900;
        }
    }
}
`

const DOCKERFILE = `FROM debian:bookworm-slim
COPY greeting /greeting
`

const TOOLS = [...IMAGE_TOOLS, 'docker-compose', 'nginx', 'htpasswd', 'openssl', 'curl'] as const

describeWith('a registry with nginx beside it in compose', TOOLS, () => {
  let machine: Machine
  let shell: Shell
  let other: Shell

  beforeAll(async () => {
    machine = await startMachine({ hosts: { [HOST]: '127.0.0.1' } })
    await bringRegistryImage(machine)
    await bringNginxImage(machine)
    shell = await openShell(machine, asHere)
    other = await openShell(machine, asHere)
    await shell.run('mkdir ~/server && cd $_')
    await other.run('cd ~/server')
  }, 300_000)
  afterAll(async () => {
    await shell?.[Symbol.asyncDispose]()
    await other?.[Symbol.asyncDispose]()
    await machine?.[Symbol.asyncDispose]()
  })

  test('the registry starts with its file of passwords, and says that it listens', async () => {
    await shell.run('sudo snap install docker')
    await shell.run('docker --version')
    await shell.run('docker-compose –version')
    await shell.edit('compose.yaml', REGISTRY)
    await shell.run('mkdir -p ./registry/data')
    await shell.run('sudo apt install apache2-utils')
    await shell.run('htpasswd -Bbn busy bee > ./registry/registry.password')
    shell.type('docker-compose up')
    await shell.sees(/registry.* level=info msg="listening on \[::\]:5000"/)
    await shell.interrupt()
  })

  test('together with nginx it takes the login', async () => {
    await makeTrustedCertificate(machine, HOST, `${MACHINE_HOME}/server/nginx/certs`)
    await shell.edit('nginx/nginx.conf', NGINX)
    await shell.edit('compose.yaml', WITH_NGINX)
    shell.type('docker-compose up')
    await shell.sees(/level=info msg="listening on \[::\]:5000"/)
    other.type(`docker login ${HOST}`)
    await other.sees('Username: ')
    other.type('busy')
    await other.sees('Password: ')
    other.type('bee')
    expect(await other.ends()).toContain('Login Succeeded')
  })

  test('an image is built and pushed, and its repository lies in the folder of data', async () => {
    await other.edit('Dockerfile', DOCKERFILE)
    await other.edit('greeting', 'hello, world')
    await other.run(`docker build -t ${HOST}/team/hello-world:v0 .`)
    expect(await other.run('docker images')).toMatch(/^registry\.example\.com\/team\/hello-world +v0 /m)
    const pushed = await other.run(`docker push ${HOST}/team/hello-world:v0`)
    expect(pushed).toMatch(/^v0: digest: sha256:[0-9a-f]{64} size: \d+$/m)
    const listed = await other.run('ls -la ./registry/data/docker/registry/v2/repositories/')
    expect(listed).toMatch(/^d\S+ .* team$/m)
  })

  test('it is pulled by its digest, after a login', async () => {
    const inspected = await other.run(
      `docker inspect -f '{{index .RepoDigests 0}}' ${HOST}/team/hello-world:v0`,
    )
    await other.run(`docker rmi ${HOST}/team/hello-world:v0`)
    await other.run(`docker logout ${HOST}`)
    expect(await other.fail(`docker pull ${inspected.trim()}`)).toContain('no basic auth credentials')
    await other.run(`docker login -u busy -p bee ${HOST}`)
    expect(await other.run(`docker pull ${inspected.trim()}`)).toContain('Status: Downloaded newer image')
    await shell.interrupt()
  })
})
