/**
 * The way of a widespread tutorial: a registry by docker-compose, nginx with TLS on the host before it, passwords by
 * htpasswd, `restart: always`, and an image that is made by hand, pushed, and pulled elsewhere.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { IMAGE_TOOLS } from '../machine/berth-image.ts'
import { type Machine, startMachine } from '../machine/machine.ts'
import { openShell, type Shell } from '../machine/shell.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { asHere } from './here.ts'
import { bringRegistryImage, bringUbuntuImage, isStandIn } from './images.ts'
import { makeTrustedCertificate } from './trusted-certificate.ts'

const OPEN_REGISTRY = `version: '3'

services:
  registry:
    image: registry:2
    ports:
    - "5000:5000"
    environment:
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data
    volumes:
      - ./data:/data
`

const REGISTRY_WITH_PASSWORDS = `version: '3'

services:
  registry:
    image: registry:2
    ports:
    - "5000:5000"
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Registry
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/registry.password
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data
    volumes:
      - ./auth:/auth
      - ./data:/data
`

const LOCATION = `location / {
    # Do not allow connections from docker 1.5 and earlier
    # docker pre-1.6.0 did not properly set the user agent on ping, catch "Go *" user agents
    if ($http_user_agent ~ "^(docker\\/1\\.(3|4|5(?!\\.[0-9]-dev))|Go ).*$" ) {
      return 404;
    }

    proxy_pass                          http://localhost:5000;
    proxy_set_header  Host              $http_host;   # required for docker client's sake
    proxy_set_header  X-Real-IP         $remote_addr; # pass on real client's IP
    proxy_set_header  X-Forwarded-For   $proxy_add_x_forwarded_for;
    proxy_set_header  X-Forwarded-Proto $scheme;
    proxy_read_timeout                  900;
}
`

/** What was there before: the site that the tutorial's own prerequisites leave. */
function siteWith(location: string): string {
  return `server {
    listen 80;
    server_name example.com;
    return 301 https://$host$request_uri;
}

server {
    listen 443 ssl;
    server_name example.com;
    ssl_certificate /etc/letsencrypt/live/example.com/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/example.com/privkey.pem;

${location}
}
`
}

describeWith(
  'a registry behind nginx on the host, with passwords',
  [...IMAGE_TOOLS, 'docker-compose', 'nginx', 'htpasswd', 'openssl', 'curl'],
  () => {
    let machine: Machine
    let shell: Shell

    beforeAll(async () => {
      machine = await startMachine({ hosts: { 'example.com': '127.0.0.1' } })
      await makeTrustedCertificate(machine, 'example.com', '/etc/letsencrypt/live/example.com')
      await machine.run('ln', '-s', '../sites-available/example.com', '/etc/nginx/sites-enabled/example.com')
      await machine.run('rm', '-f', '/etc/nginx/sites-enabled/default')
      await bringRegistryImage(machine)
      await bringUbuntuImage(machine)
      shell = await openShell(machine, asHere)
    }, 300_000)
    afterAll(async () => {
      await shell?.[Symbol.asyncDispose]()
      await machine?.[Symbol.asyncDispose]()
    })

    test('step 1: docker-compose starts it, and Ctrl-C ends it', async () => {
      await shell.run('mkdir ~/docker-registry && cd $_')
      await shell.run('mkdir data')
      await shell.edit('docker-compose.yml', OPEN_REGISTRY)
      shell.type('docker-compose up')
      await shell.sees('listening on [::]:5000')
      await shell.interrupt()
    })

    test('step 2: nginx leads to it, and a browser gets {}', async () => {
      await shell.edit('/etc/nginx/sites-available/example.com', siteWith(LOCATION))
      await shell.run('sudo service nginx restart')
      await shell.run('cd ~/docker-registry')
      shell.type('docker-compose up')
      await shell.sees('listening on [::]:5000')
      expect(await browse('https://example.com/v2')).toEqual({ status: 200, body: '{}' })
      await shell.sees(
        /level=info msg="response completed" .*http\.request\.uri="?\/v2\/?"? .*http\.response\.status=200/,
      )
      await shell.sees(/"GET \/v2\/? HTTP\/1\.[01]" 200 2/)
      await shell.interrupt()
    })

    test('step 3: it asks for the password that htpasswd was given', async () => {
      await shell.run('sudo apt install apache2-utils')
      await shell.run('mkdir ~/docker-registry/auth && cd $_')
      await makePassword('htpasswd -Bc registry.password username')
      await shell.run('cd ~/docker-registry')
      await shell.edit('docker-compose.yml', REGISTRY_WITH_PASSWORDS)
      shell.type('docker-compose up')
      await shell.sees('listening on [::]:5000')
      expect((await browse('https://example.com/v2')).status).toBe(401)
      const challenge = await machine.run('curl', '-sI', 'https://example.com/v2/')
      expect(challenge).toMatch(/^www-authenticate: basic realm="Registry"\r$/im)
      expect((await browse('https://example.com/v2', 'username:wrong')).status).toBe(401)
      expect(await browse('https://example.com/v2', 'username:correct horse')).toEqual({
        status: 200,
        body: '{}',
      })
      await shell.interrupt()
    })

    test('a note of step 3: a user who is added without -B cannot log in, and the log says why', async () => {
      await shell.run('cd ~/docker-registry/auth')
      await makePassword('htpasswd registry.password another')
      await shell.run('cd ~/docker-registry')
      shell.type('docker-compose up')
      await shell.sees('listening on [::]:5000')
      if (!isStandIn)
        await shell.sees(
          /level=warning .*another\\?" cannot log in.* htpasswd -B \/auth\/registry\.password another/,
        )
      expect((await browse('https://example.com/v2', 'another:correct horse')).status).toBe(401)
      expect((await browse('https://example.com/v2', 'username:correct horse')).status).toBe(200)
      await shell.interrupt()
    })

    test('step 4: in the background it starts again when it has died', async () => {
      const always = REGISTRY_WITH_PASSWORDS.replace('  registry:\n', '  registry:\n    restart: always\n')
      await shell.edit('docker-compose.yml', always)
      await shell.run('docker-compose up -d')
      const answers = async () => (await browse('https://example.com/v2')).status === 401
      await until('the registry answers', answers, { withinMilliseconds: 30_000 })
      await machine.run('sh', '-c', 'kill -9 $(docker inspect -f "{{.State.Pid}}" $(docker ps -lq))')
      await until('the registry has started again', async () => (await restarts()) === 1)
      await until('the registry answers again', answers, { withinMilliseconds: 30_000 })
    })

    test('steps 5 and 6: an image is made, and pushed through nginx', async () => {
      await shell.run(
        `sed -i 's/^http {/http {\\n        client_max_body_size 2000M;/' /etc/nginx/nginx.conf`,
      )
      await shell.run('sudo service nginx restart')
      shell.type('docker run -t -i ubuntu /bin/bash')
      await shell.sees('# ')
      shell.type('touch /SUCCESS')
      await shell.sees('# ')
      await shell.run('exit')
      await shell.run('docker commit $(docker ps -lq) test-image')
      await logIn()
      await shell.run('docker tag test-image example.com/test-image')
      const pushed = await shell.run('docker push example.com/test-image')
      expect(pushed).toMatch(/The push refers to (a )?repository \[example\.com\/test-image\]/)
      expect(pushed).toMatch(/latest: digest: sha256:[0-9a-f]{64} size: \d+/)
    })

    test('step 7: pulled elsewhere, the image has the file that was made', async () => {
      await shell.run('docker logout https://example.com')
      await shell.run('docker rmi example.com/test-image test-image')
      await logIn()
      expect(await shell.run('docker pull example.com/test-image')).toContain(
        'Status: Downloaded newer image',
      )
      shell.type('docker run -it example.com/test-image /bin/bash')
      await shell.sees('# ')
      shell.type('ls')
      // In as many columns as the terminal has when docker has told its size.
      await shell.sees(/\bSUCCESS\b[\s\S]*\bboot\b[\s\S]*\bvar\b/)
      await shell.run('exit')
    })

    /** Types the command of htpasswd, and a password twice. */
    async function makePassword(line: string): Promise<void> {
      shell.type(line)
      for (const question of ['New password: ', 'Re-type new password: ']) {
        await shell.sees(question)
        shell.type('correct horse')
      }
      expect(await shell.ends()).toContain('Adding password for user')
    }

    async function logIn(): Promise<void> {
      shell.type('docker login https://example.com')
      await shell.sees('Username: ')
      shell.type('username')
      await shell.sees('Password: ')
      shell.type('correct horse')
      expect(await shell.ends()).toContain('Login Succeeded')
    }

    /** As a browser does, which follows where it is sent. */
    async function browse(url: string, user = ''): Promise<{ status: number; body: string }> {
      const login = user === '' ? [] : ['-u', user]
      const written = await machine.run('curl', '-sL', ...login, '-w', '\\n%{http_code}', url)
      const [body = '', status] = written.split(/\n(?=\d+$)/)
      return { status: Number(status), body: body.trim() }
    }

    async function restarts(): Promise<number> {
      return Number(await machine.run('sh', '-c', 'docker inspect -f "{{.RestartCount}}" $(docker ps -lq)'))
    }
  },
)
