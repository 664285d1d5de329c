/* Settings of a case, and its results: kept until the case is over, so that the slow console disturbs nothing. */
#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SETTINGS_MAX 32
#define LINES_BYTES (1 << 16)

static struct {
	const char *key, *value;
} settings[SETTINGS_MAX];
static int n_settings;

static char case_name[128];
static char lines[LINES_BYTES];
static size_t used;
static int n_values;
static pid_t owner;
static int64_t began_at;

void parse_settings(char *words)
{
	char *place = NULL;

	n_settings = 0;
	for (char *word = strtok_r(words, " \n", &place); word; word = strtok_r(NULL, " \n", &place)) {
		char *equals = strchr(word, '=');

		if (!equals || n_settings == SETTINGS_MAX)
			fail("setting %s: must be key=value and at most %d of them", word, SETTINGS_MAX);
		*equals = '\0';
		settings[n_settings].key = word;
		settings[n_settings++].value = equals + 1;
	}
}

const char *setting_text(const char *key, const char *otherwise)
{
	for (int i = 0; i < n_settings; i++)
		if (!strcmp(settings[i].key, key))
			return settings[i].value;
	return otherwise;
}

long setting(const char *key, long otherwise)
{
	const char *text = setting_text(key, NULL);
	char *end;
	long value;

	if (!text)
		return otherwise;
	value = strtol(text, &end, 10);
	if (end == text || *end)
		fail("setting %s=%s: must be a whole number", key, text);
	return value;
}

bool setting_is(const char *key, const char *value)
{
	return !strcmp(setting_text(key, ""), value);
}

static void put(const char *text, size_t length)
{
	while (length) {
		ssize_t done = write(STDOUT_FILENO, text, length);

		if (done <= 0)
			_exit(3);
		text += done;
		length -= (size_t)done;
	}
}

void begin_case(const char *name)
{
	char line[192];

	snprintf(case_name, sizeof case_name, "%s", name);
	used = 0;
	n_values = 0;
	owner = getpid();
	began_at = now_ns();
	put(line, (size_t)snprintf(line, sizeof line, "@swapgym,begin,%s\n", case_name));
}

void emit(const char *metric, double value, const char *unit)
{
	int room = (int)(sizeof lines - used);
	int length = snprintf(lines + used, (size_t)room, "@swapgym,value,%s,%s,%.9g,%s\n", case_name, metric, value, unit);

	if (length >= room - 256)
		fail("too many results");
	used += (size_t)length;
	n_values++;
}

void end_case(void)
{
	emit("case_ms", (double)(now_ns() - began_at) / 1e6, "ms");
	used += (size_t)snprintf(lines + used, sizeof lines - used, "@swapgym,end,%s,%d\n", case_name, n_values);
	put(lines, used);
}

void info(const char *key, const char *value)
{
	char line[512];

	put(line, (size_t)snprintf(line, sizeof line, "@swapgym,info,%s,%s\n", key, value));
}

/* A child of the case may fail too: the line is written at once, and who started it sees its exit code. */
void fail(const char *format, ...)
{
	char line[512];
	int length = snprintf(line, sizeof line, "@swapgym,fail,%s,", case_name[0] ? case_name : "start");
	va_list arguments;

	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof line - 2)
		length = (int)sizeof line - 2;
	for (int i = 0; i < length; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[length++] = '\n';
	put(line, (size_t)length);
	_exit(getpid() == owner ? 4 : 5);
}
