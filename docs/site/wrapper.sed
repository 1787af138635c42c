# The C++ headers begin with an ordinary comment, which Doxygen takes for that of the file if it has Doxygen's form.
1 s|^// |/// @file\
/// |
1,/^#ifndef/ s|^// |/// |
# The reference shows all names without the inline namespace.
/^inline namespace LANEFOLD_NAMESPACE {$/d
/^} \/\/ namespace LANEFOLD_NAMESPACE$/d
# Doxygen takes a base class that is a specialization of the same template for a class that is derived from itself.
s/ : public Result<void> {/ {/
