package secret

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValuesOfVariablesThatLookLikeSecretsAreHidden(t *testing.T) {
	for entry, want := range map[string]string{
		"API_TOKEN=abc":                    "API_TOKEN=[hidden]",
		"aws_secret_access_key=abc":        "aws_secret_access_key=[hidden]",
		"PGPASSWORD=a=b c":                 "PGPASSWORD=[hidden]",
		"DB_PASSWD=1234":                   "DB_PASSWD=[hidden]",
		"MYSQL_PWD=x":                      "MYSQL_PWD=[hidden]",
		"GOOGLE_APPLICATION_CREDENTIALS={": "GOOGLE_APPLICATION_CREDENTIALS=[hidden]",
		"REDISCLI_AUTH=x":                  "REDISCLI_AUTH=[hidden]",
		"SENTRY_DSN=https://a@b/1":         "SENTRY_DSN=[hidden]",
		"Session_Cookie=x":                 "Session_Cookie=[hidden]",
		"DATABASE_URL=postgres://u:p@w@h:5/db?sslmode=off": "DATABASE_URL=postgres://[hidden]@h:5/db?sslmode=off",
		"CONFIG=host=h password=x user=u":                  "CONFIG=host=h password=[hidden] user=u",
		"URL=https://h/?access_token=x&n=1":                "URL=https://h/?access_token=[hidden]&n=1",
		"HEADER=Authorization: Bearer abcdefgh":            "HEADER=Authorization: Bearer [hidden]",
		"X=ghp_0123456789abcdef0123":                       "X=[hidden]",
		"X=-----BEGIN RSA PRIVATE KEY-----\nabc\n":         "X=[hidden]",
		"GITHUB_PAT=x":               "GITHUB_PAT=[hidden]",
		"KAGGLE_CREDS=x":             "KAGGLE_CREDS=[hidden]",
		"DB_PW=x":                    "DB_PW=[hidden]",
		"HASH_SALT=x":                "HASH_SALT=[hidden]",
		"X=sk_live_0123456789abcdef": "X=[hidden]",
		"X=AIza0123456789abcdef-_x":  "X=[hidden]",
		"X=npm_0123456789abcdefghij0123456789abcdef":    "X=[hidden]",
		"npm_config_cache_directory=/x":                 "npm_config_cache_directory=/x",
		"X=npm_config_cache_directory":                  "X=npm_config_cache_directory",
		"DB=Server=h;Uid=u;Pwd=p w;Port=1":              "DB=Server=h;Uid=u;Pwd=[hidden];Port=1",
		"BLOB=AccountName=n;AccountKey=ab+/c==;E=f":     "BLOB=AccountName=n;AccountKey=[hidden];E=f",
		"BLOB=https://h/c?sv=1&sig=abc%2Fdefgh%3D&se=2": "BLOB=https://h/c?sv=1&sig=[hidden]&se=2",
		"PATH=/opt/sk_test/bin":                         "PATH=/opt/sk_test/bin",
		"SPIN=3":                                        "SPIN=3",
		"GOMEMLIMIT=64MiB":                              "GOMEMLIMIT=64MiB",
		"PWD=/srv":                                      "PWD=/srv",
		"AUTH=off":                                      "AUTH=off",
		"API_TOKEN=":                                    "API_TOKEN=",
		"URL=http://$ADDR/a?b=c@d":                      "URL=http://$ADDR/a?b=c@d",
		"MAIL=me@example.com":                           "MAIL=me@example.com",
	} {
		require.Equal(t, want, Env(entry))
		require.Equal(t, want, Env(want), "what is hidden stays so")
	}
}

func TestArgumentsAreHiddenByTheirShapeAlone(t *testing.T) {
	for arg, want := range map[string]string{
		"--db-password=hunter2":                     "--db-password=[hidden]",
		"-Dapp.token=x":                             "-Dapp.token=[hidden]",
		"redis://:pw@h/0":                           "redis://[hidden]@h/0",
		"curl -H 'Authorization: Basic YWJjZGVm' h": "curl -H 'Authorization: Basic [hidden]' h",
		"--keep=3":                                  "--keep=3",
		"--max-steps=10":                            "--max-steps=10",
		"-addr=$ADDR":                               "-addr=$ADDR",
	} {
		require.Equal(t, want, Text(arg))
		require.Equal(t, want, Text(want))
	}
}

func TestSecretsOfCommandsAndBodiesAreHidden(t *testing.T) {
	for text, want := range map[string]string{
		`{"user": "u", "password": "a \"quoted\" word", "n": 1}`:  `{"user": "u", "password": "[hidden]", "n": 1}`,
		`body "{\"api_key\":\"x\\\"y\",\"n\":1}"`:                 `body "{\"api_key\":\"[hidden]\",\"n\":1}"`,
		`{"max": "5", "tokens": 100}`:                             `{"max": "5", "tokens": 100}`,
		"curl -H 'Authorization: Token abc' h":                    "curl -H 'Authorization: Token [hidden]' h",
		`curl -H "X-Api-Key: abc" h`:                              `curl -H "X-Api-Key: [hidden]" h`,
		"curl -H 'Cookie: sid=1; a=b' h":                          "curl -H 'Cookie: [hidden]' h",
		"curl -u admin:hunter2 h":                                 "curl -u admin:[hidden] h",
		"curl --user 'admin:hun ter2' h":                          "curl --user 'admin:[hidden] ter2' h",
		"oomcage run --user 1000:1000 -- p":                       "oomcage run --user 1000:1000 -- p",
		"psql --password hunter2 --token 'a b' -d db":             "psql --password [hidden] --token [hidden] -d db",
		"p --max-tokens 4096 --api-key abc":                       "p --max-tokens 4096 --api-key [hidden]",
		"p --password -v":                                         "p --password -v",
		"curl -d 'password=hunter2&user=u' http://u:p@h/x?a=b":    "curl -d 'password=[hidden]&user=u' http://[hidden]@h/x?a=b",
		"POST /login, header Authorization: [hidden], status 200": "POST /login, header Authorization: [hidden], status 200",
	} {
		require.Equal(t, want, Text(text), text)
		require.Equal(t, want, Text(want))
	}
	words := []string{"--password", "hunter2", "-v", "--token", "-x", "-u", "admin:hunter2", "--use-token", "true", "-u", "1000:1000", "key"}
	hidden := []string{"--password", "[hidden]", "-v", "--token", "-x", "-u", "admin:[hidden]", "--use-token", "true", "-u", "1000:1000", "key"}
	require.Equal(t, hidden, Words(words))
	require.Equal(t, hidden, Words(hidden))
	require.Equal(t, "hunter2", words[1], "what was given is as it was")
	require.Equal(t, []string{"swordfish", "hunter2"}, Found([]string{"--password", "hunter2", "--url=db://swordfish@h", "-pass=x"}))
}

func TestSecretsThatAProgramMayPrintAreListedTheLongestFirst(t *testing.T) {
	require.Equal(t, []string{"admin:hunter2!", "hunter2!", "abcdef"},
		Values([]string{"URL=db://admin:hunter2!@h", "API_TOKEN=abcdef", "API_KEY=on", "PIN_KEY=1234", "A=b", "X_TOKEN=[hidden]"}))
}
