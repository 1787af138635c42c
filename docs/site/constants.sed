# Doxygen links a constant in a comment of a C header if it is written as #LF_OK.
/^ *\(\/\*\*\|\*\|[^"]*\/\*\*<\)/ {
  :next
  s/\(\/\*\*.*[^A-Za-z0-9_#`"]\|^ *\*.*[^A-Za-z0-9_#`"]\)\(LF_[A-Z]\)/\1#\2/
  t next
}
