//! `completions` and `man-page`: what packages ship beside the program, made from its own command line.

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::config_file::DEFAULT_PATHS;
use super::error::AppError;
use crate::cli::Cli;

/// The completion script of a shell.
pub(super) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

const NAME: &str = "koreai_exporter";

/// The manual page, in roff. One page has all subcommands, so that `man koreai_exporter` is all there is to know.
pub(super) fn man_page() -> Result<String, AppError> {
    let mut command = Cli::command().disable_help_subcommand(true).flatten_help(true);
    command.build();
    let mut page = Vec::new();
    render(&command, &mut page).map_err(AppError::Print)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn render(command: &clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let man = Man::new(command.clone()).manual("koreai_exporter");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    for subcommand in command.get_subcommands() {
        render_subcommand(subcommand, page)?;
    }
    let [first, second] = DEFAULT_PATHS;
    let mut end = Roff::new();
    end.control("SH", ["FILES"]);
    for (path, what) in [
        (first, "in the working directory: the configuration, without --config.file"),
        (second, "the configuration, if there is none in the working directory"),
        ("/etc/default/koreai-exporter", "flags of the service, as ARGS"),
    ] {
        end.control("TP", []).text([bold(path)]).text([roman(what)]);
    }
    end.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in [
        ("0", "Success."),
        ("1", "A failure. For doctor: a mistake on this side, in the configuration, the credential or the ID."),
        ("2", "A command line that cannot be parsed. For doctor also: the upstream, or the network up to it."),
    ] {
        end.control("TP", []).text([bold(status)]).text([roman(meaning)]);
    }
    end.control("SH", ["SEE ALSO"]);
    end.text([roman("/usr/share/doc/koreai-exporter, https://github.com/koreai-exporter/koreai_exporter")]);
    end.to_writer(page)
}

fn render_subcommand(command: &clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut head = Roff::new();
    head.control("SH", [format!("{NAME} {}", command.get_name()).to_uppercase().as_str()]);
    if let Some(about) = command.get_about() {
        head.text([roman(format!("{about}."))]);
    }
    for argument in command.get_arguments().filter(|argument| !argument.is_global_set() && !argument.is_hide_set()) {
        if argument.get_id() == "help" {
            continue;
        }
        let value = argument.get_value_names().map_or(String::new(), |names| names.join(" "));
        let name = argument.get_long().map_or(value.clone(), |long| format!("--{long} {value}"));
        head.control("TP", []).text([bold(name)]);
        head.text([roman(argument.get_help().map(ToString::to_string).unwrap_or_default())]);
    }
    head.to_writer(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_a_script_that_knows_the_subcommands() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let script = completions(shell);
            assert!(script.contains("fake-upstream") && script.contains("config.file"), "{shell}");
        }
    }

    #[test]
    fn the_manual_has_the_exit_status_of_every_subcommand() {
        let page = man_page().unwrap();
        let (_, status) = page.split_once("EXIT STATUS").unwrap();
        assert!(status.contains("For doctor also: the upstream, or the network up to it."), "{status}");
    }

    #[test]
    fn the_manual_has_every_flag_and_subcommand() {
        let page = man_page().unwrap();
        let plain = page.replace('\\', "");
        let mut command = Cli::command();
        command.build();
        let flags = |command: &clap::Command| -> Vec<String> {
            command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned).collect()
        };
        let subcommands: Vec<_> =
            command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help").collect();
        for subcommand in &subcommands {
            assert!(plain.contains(&format!("KOREAI_EXPORTER {}", subcommand.get_name().to_uppercase())), "{page}");
        }
        for flag in subcommands.into_iter().flat_map(flags).chain(flags(&command)) {
            assert!(plain.contains(&format!("--{flag}")), "--{flag} is missing: {page}");
        }
    }
}
