/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_COMMANDS_H
#define COMMAND_COMMANDS_H

/* The subcommands. Each is in the file or folder with its name. */

int record_run(int argc, char **argv);
int top_run(int argc, char **argv);
int gil_run(int argc, char **argv);
int dump_run(int argc, char **argv);
int ps_run(int argc, char **argv);
int convert_run(int argc, char **argv);
int lines_run(int argc, char **argv);
int diff_run(int argc, char **argv);
int check_run(int argc, char **argv);
int agent_run(int argc, char **argv);
int collector_run(int argc, char **argv);
int doctor_run(int argc, char **argv);

#endif
